/* Error values: formatting and escaping. Knows exit statuses; never prints. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* Escapes control bytes so that a hostile name cannot drive a terminal. */
static void escape(char *dst, size_t cap, const char *src)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *src && n + 5 < cap; src++) {
		unsigned char c = (unsigned char)*src;

		if (c >= 0x20 && c != 0x7f) {
			dst[n++] = (char)c;
			continue;
		}
		dst[n++] = '\\';
		dst[n++] = 'x';
		dst[n++] = hex[c >> 4];
		dst[n++] = hex[c & 15];
	}
	dst[n] = '\0';
}

int fl_vfail(struct fl_err *e, enum fl_code code, const char *fmt, va_list ap)
{
	char raw[sizeof e->msg];

	if (!e)
		return -1;
	e->code = code;
	vsnprintf(raw, sizeof raw, fmt, ap);
	escape(e->msg, sizeof e->msg, raw);
	return -1;
}

int fl_fail(struct fl_err *e, enum fl_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fl_vfail(e, code, fmt, ap);
	va_end(ap);
	return -1;
}

int fl_fail_in(struct fl_err *e, const char *fmt, ...)
{
	char raw[2 * sizeof e->msg];
	va_list ap;
	int n;

	if (!e)
		return -1;
	va_start(ap, fmt);
	n = vsnprintf(raw, sizeof e->msg, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -1;
	if ((size_t)n >= sizeof e->msg)
		n = sizeof e->msg - 1;
	snprintf(raw + n, sizeof raw - (size_t)n, ": %s", e->msg);
	escape(e->msg, sizeof e->msg, raw);
	return -1;
}

int fl_fail_mem(struct fl_err *e, unsigned long long bytes)
{
	return fl_fail(e, FL_EIO, "out of memory (%llu bytes wanted)", bytes);
}
