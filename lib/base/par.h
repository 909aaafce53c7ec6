/* Parallel for over items. Threads take items in ascending order; which thread
 * takes which never shows in results, because an item never adds to another's
 * output. */
#ifndef FL_BASE_PAR_H
#define FL_BASE_PAR_H

#include <stddef.h>

#include "base/err.h"

/* Calls fn(ctx, item, thread, e) for item in [0,n) on up to threads threads
 * (the caller is one). fn returns 0 or fails; after a failure no new item
 * starts, and the error of the lowest failed item is reported. thread is in
 * [0,threads). threads <= 1 or n <= 1 runs inline. */
int fl_par_for(size_t n, int threads, void *ctx,
               int (*fn)(void *ctx, size_t item, int thread, struct fl_err *e),
               struct fl_err *e);

#endif
