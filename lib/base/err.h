/* Errors: a code that is also the exit status, and one message. */
#ifndef FL_BASE_ERR_H
#define FL_BASE_ERR_H

#include <stdarg.h>

enum fl_code {
	FL_OK = 0,
	FL_EFALSE = 1,	/* the asked condition is false */
	FL_EUSAGE = 2,	/* bad option, spec or value; a terminal where data is due */
	FL_EDATA = 3,	/* bad input data */
	FL_EIO = 4,	/* system: cannot open, disk full, I/O error, out of memory */
	FL_ENUM = 5,	/* a number that becomes non-finite as we compute */
	FL_EPIPE = 141	/* the reader of our output went away */
};

/* Zero-initialise. msg: what, where, value, limit; lower case, no full stop,
 * no newline; bytes below 0x20 and 0x7f are escaped as \xNN. */
struct fl_err {
	int code;
	char msg[1024];
};

/* Sets *e (which may be NULL) and returns -1. */
int fl_fail(struct fl_err *e, enum fl_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int fl_vfail(struct fl_err *e, enum fl_code code, const char *fmt, va_list ap);

/* Puts "PREFIX: " before the message that is there; returns -1. */
int fl_fail_in(struct fl_err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Out of memory: FL_EIO; returns -1. */
int fl_fail_mem(struct fl_err *e, unsigned long long bytes);

#endif
