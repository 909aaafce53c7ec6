/* Log lines to a sink; silent until one is set. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static void (*the_sink)(void *, enum fl_level, const char *);
static void *the_ctx;

void fl_log_sink(void (*sink)(void *, enum fl_level, const char *), void *ctx)
{
	the_sink = sink;
	the_ctx = ctx;
}

static void say_line(enum fl_level level, const char *fmt, va_list ap)
{
	char line[1024];

	vsnprintf(line, sizeof line, fmt, ap);
	the_sink(the_ctx, level, line);
}

void fl_say(enum fl_level level, const char *fmt, ...)
{
	va_list ap;

	if (!the_sink)
		return;
	va_start(ap, fmt);
	say_line(level, fmt, ap);
	va_end(ap);
}

void fl_say_once(atomic_int *said, enum fl_level level, const char *fmt, ...)
{
	va_list ap;

	if (!the_sink || atomic_exchange(said, 1))
		return;
	va_start(ap, fmt);
	say_line(level, fmt, ap);
	va_end(ap);
}
