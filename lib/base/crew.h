/* Items in, results out in the same order, work on several threads in between. Workers take
 * items as they are free, a few ahead of the slowest; which one takes which shows in no
 * result. */
#ifndef FL_BASE_CREW_H
#define FL_BASE_CREW_H

#include <stddef.h>

#include "base/err.h"

/* Items that one thread may be ahead by: so many are in memory at a time, or a single one
 * where there is one thread. */
#define FL_CREW_AHEAD 4

struct fl_crew {
	void *ctx;
	size_t size;		/* bytes of an item, which is all zero before take() */
	int threads;		/* 1 or more */
	/* take() and give() are called one at a time, never beside one another, and in order.
	 * take: 1 and the next item; 0: none is left; -1. */
	int (*take)(void *ctx, void *item, struct fl_err *e);
	/* On thread 0 ... threads-1, beside all others. */
	int (*work)(void *ctx, void *item, int thread, struct fl_err *e);
	int (*give)(void *ctx, void *item, struct fl_err *e);
	/* Releases what an item holds: after give(), and after a failure in any state. May be
	 * called beside all others. */
	void (*drop)(void *item);
};
/* Until take() has no more. After a failure no new item is taken, items before the one that
 * failed are still given, and the error is that of the first in order. */
int fl_crew_run(const struct fl_crew *crew, struct fl_err *e);

#endif
