/* Max-pooling by windows of 2x2 that tile a plane, and relu with it: the greatest of
 * four comes with its place, 0 to 3, row by row, the first of equals. Where relu makes
 * it 0 for good, the place is none, and the gradient ends there. */
#ifndef FL_NN_QUADS_H
#define FL_NN_QUADS_H

#include "kernel/isa.h"
#include "nn/layer.h"

enum { FL_QUADS_NONE = 4 };

FL_BODY void fl_quads_pick(fl_real a, fl_real b, fl_real c, fl_real d, int relu,
                           fl_real *restrict y, fl_real *restrict at)
{
	fl_real v[4] = { a, b, c, d }, best = a, place = 0;

	for (int k = 1; k < 4; k++) {
		int more = v[k] > best || v[k] != v[k];

		best = more ? v[k] : best;
		place = more ? (fl_real)k : place;
	}
	*y = relu && best < 0 ? 0 : best;
	*at = relu && best <= 0 ? FL_QUADS_NONE : place;
}

/* x: rows 2n of W numbers, W even; y and at: n rows of half as many. */
void fl_quads_take(const fl_real *x, size_t n, size_t W, fl_real *y, fl_real *at, int relu);
/* The gradient of x by that of y. */
void fl_quads_give(fl_real *dx, size_t n, size_t W, const fl_real *dy, const fl_real *at);

/* Whether a layer is such a pooling. */
int fl_quads_pools(const struct fl_layer *l);

#endif
