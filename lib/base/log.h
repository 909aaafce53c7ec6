/* Log lines: the library hands them to a sink, which decides. */
#ifndef FL_BASE_LOG_H
#define FL_BASE_LOG_H

#include <stdatomic.h>

enum fl_level {
	FL_LOG_WARN = 0,	/* shown unless -q */
	FL_LOG_INFO = 1,	/* -v: protocol: data, counts, ties */
	FL_LOG_DEBUG = 2	/* -v -v */
};

/* One line an event, without newline. Set once, before threads start. */
void fl_log_sink(void (*sink)(void *ctx, enum fl_level, const char *line), void *ctx);
void fl_say(enum fl_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Once in a process: the first of the calls with the same said, which begins as 0. */
void fl_say_once(atomic_int *said, enum fl_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
