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

void fl_say(enum fl_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!the_sink)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	the_sink(the_ctx, level, line);
}
