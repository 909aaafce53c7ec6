/* Growable string: always NUL-terminated, length known. */
#ifndef FL_BASE_STR_H
#define FL_BASE_STR_H

#include <stddef.h>

#include "base/err.h"

/* FL_STR_INIT or all zero is empty; s may then be NULL: use fl_str_c().
 * A failed append sets oom and later appends do nothing, so callers check
 * once, with fl_str_check(). */
struct fl_str {
	char *s;
	size_t len, cap;
	int oom;
};
#define FL_STR_INIT { NULL, 0, 0, 0 }

void fl_str_add(struct fl_str *b, const char *s);
void fl_str_addn(struct fl_str *b, const void *s, size_t n);
void fl_str_addc(struct fl_str *b, char c);
void fl_str_addf(struct fl_str *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void fl_str_addnum(struct fl_str *b, double v);	/* shortest round trip */
void fl_str_addjson(struct fl_str *b, const char *s);	/* UTF-8, as a JSON string */
void fl_str_addjsonnum(struct fl_str *b, double v);	/* null where it is not finite */
/* A field of tab-separated text: backslashes and control characters are escaped. */
void fl_str_addtsv(struct fl_str *b, const char *s);
const char *fl_str_c(const struct fl_str *b);
void fl_str_clear(struct fl_str *b);		/* keeps the room */
int fl_str_check(const struct fl_str *b, struct fl_err *e);
char *fl_str_detach(struct fl_str *b);		/* caller frees; b is empty */
void fl_str_release(struct fl_str *b);

#endif
