/* Growable string. */
#include "base/str.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

static int room(struct fl_str *b, size_t n)
{
	size_t want;

	if (b->oom)
		return -1;
	if (fl_add(b->len, n, &want) || fl_add(want, 1, &want) ||
	    fl_grow(&b->s, &b->cap, want, 1, NULL)) {
		b->oom = 1;
		return -1;
	}
	return 0;
}

void fl_str_addn(struct fl_str *b, const void *s, size_t n)
{
	if (room(b, n))
		return;
	if (n)
		memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void fl_str_add(struct fl_str *b, const char *s)
{
	fl_str_addn(b, s, strlen(s));
}

void fl_str_addc(struct fl_str *b, char c)
{
	fl_str_addn(b, &c, 1);
}

void fl_str_addf(struct fl_str *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || room(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void fl_str_addnum(struct fl_str *b, double v)
{
	char buf[FL_NUM_MAX];

	fl_str_add(b, fl_num_print(buf, v));
}

void fl_str_addjson(struct fl_str *b, const char *s)
{
	fl_str_addc(b, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			fl_str_addf(b, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			fl_str_addf(b, "\\%c", c);
		else
			fl_str_addc(b, *s);
	}
	fl_str_addc(b, '"');
}

void fl_str_addjsonnum(struct fl_str *b, double v)
{
	if (isfinite(v))
		fl_str_addnum(b, v);
	else
		fl_str_add(b, "null");
}

void fl_str_addtsv(struct fl_str *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '\\')
			fl_str_add(b, "\\\\");
		else if (c < 0x20 || c == 0x7f)
			fl_str_addf(b, "\\x%02x", c);
		else
			fl_str_addc(b, *s);
	}
}

const char *fl_str_c(const struct fl_str *b)
{
	return b->s ? b->s : "";
}

void fl_str_clear(struct fl_str *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

int fl_str_check(const struct fl_str *b, struct fl_err *e)
{
	return b->oom ? fl_fail_mem(e, b->len) : 0;
}

char *fl_str_detach(struct fl_str *b)
{
	char *s = b->s;

	*b = (struct fl_str)FL_STR_INIT;
	return s;
}

void fl_str_release(struct fl_str *b)
{
	free(b->s);
	*b = (struct fl_str)FL_STR_INIT;
}
