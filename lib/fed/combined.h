/* The combined update of a round as the server sees it: a tile at a time, so
 * that it never has to exist as a whole. */
#ifndef FL_FED_COMBINED_H
#define FL_FED_COMBINED_H

#include "tensor/tset.h"

#define FL_TILE 4096	/* coordinates: bins of a tile stay in cache */

struct fl_combined {
	size_t n;				/* tensors */
	const struct fl_tensor *const *t;	/* (n) name and shape, by name */
	size_t tile;				/* longest stretch to ask for, <= FL_TILE */
	void *ctx;
	/* out(i1 - i0): coordinates [i0,i1) of tensor i. Calls with different
	 * thread in [0,threads) may run at once. */
	int (*get)(void *ctx, size_t i, size_t i0, size_t i1, int thread, double *out,
	           struct fl_err *e);
};

/* What of all a model holds, and the extras: a view, whose room is in a. */
int fl_combined_of(const struct fl_combined *all, const struct fl_tset *model, struct fl_arena *a,
                   struct fl_combined *out, struct fl_err *e);

#endif
