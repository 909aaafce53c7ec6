/* A bag of rows that grows: what a metric must keep of every example. */
#ifndef FL_METRIC_BAG_H
#define FL_METRIC_BAG_H

#include <stddef.h>

#include "base/mem.h"

/* Set size, the bytes of a row; the rest zero is an empty bag. Rows lie in an arena, whose
 * lifetime is the bag's. */
struct fl_bag {
	size_t size, n;			/* bytes a row; rows */
	struct fl_bag_piece *first, *last;
};
/* Room for n rows more, to be filled; NULL: no memory. */
void *fl_bag_more(struct fl_bag *b, size_t n, struct fl_arena *a, struct fl_err *e);
/* Copies of the rows of from, which are of the same size. */
int fl_bag_pool(struct fl_bag *b, const struct fl_bag *from, struct fl_arena *a,
                struct fl_err *e);
/* All rows, one after the other, into out(n). */
void fl_bag_copy(const struct fl_bag *b, void *out);

#endif
