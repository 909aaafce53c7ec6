/* Exact, order-free sums of doubles in fixed bins.
 *
 * The line of exponents is cut into a grid that never moves: bin j counts
 * multiples of 2^e(j), e(j) = 40j - 960, j = 0..FL_BINS_TOP. A value v is cut
 * into slices from the highest bin down: q_j = rint(r / 2^e(j)) (ties to even),
 * r -= q_j 2^e(j); |q_j| <= 2^39, and the slices depend on v alone. A tensor's
 * accumulator keeps, as int64, the FL_BINS highest bins that its largest value
 * reaches (the window [top-2, top]); lower slices are dropped, so the sum is
 * exact to 2^-80 of the largest term at worst. Integer addition and the
 * maximum commute and associate: bins and window are the same for every order
 * and every tree. (After Demmel and Nguyen, "Parallel reproducible summation",
 * 2015, with the grid fixed per tensor.) Room for 2^24 - 1 terms. */
#ifndef FL_KERNEL_BINS_H
#define FL_KERNEL_BINS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FL_BINS 3
#define FL_BINS_WIDTH 40
#define FL_BINS_LOW (-960)
#define FL_BINS_TOP 49		/* 2^1000: with the width, the end of double */
#define FL_BINS_TERMS ((1 << 24) - 1)

/* bin[b*n + i]: coordinate i, b = 0 for the window's highest bin. top in
 * [2, FL_BINS_TOP]; a zeroed accumulator with top = 2 is the empty sum. */
struct fl_bins {
	int64_t *bin;	/* (FL_BINS, n), not owned */
	size_t n;
	int top;
};

/* The window that values up to max (finite, >= 0) need. */
int fl_bins_top(double max);
/* Moves the window up to at least top: shifts bins, dropping the lowest. */
void fl_bins_raise(struct fl_bins *b, int top);
/* Adds w*x[i] (product rounded to double) for i in [i0,i1). The window must
 * already hold fl_bins_top(|w| max|x|). x finite, w finite. */
void fl_bins_add(struct fl_bins *b, double w, const float *x, size_t i0, size_t i1);
/* The same for many terms, in a stretch [i0,i1) that keeps a window of its own, *top,
 * as the grid never moves: all terms while its bins are in registers, so that x had
 * better be near. *top = 0: nothing was added yet, and the bins need not have been
 * written. Returns nt, or k < nt where term k is the first that is not finite, as it is
 * or weighed: then nothing was added. */
struct fl_bins_term {
	const float *x;		/* (i1 - i0) */
	double w;
	const float *m;		/* (i1 - i0) of weights by coordinate, 0 or more: the term is w (m x),
				 * m x exact; NULL: 1 */
};
size_t fl_bins_sum(struct fl_bins *b, int *top, const struct fl_bins_term *t, size_t nt,
                   size_t i0, size_t i1);
/* Moves such a stretch up to b->top, which must not be lower. */
void fl_bins_settle(struct fl_bins *b, int *top, size_t i0, size_t i1);
/* Adds v to coordinate i, raising the window as needed. v finite. */
void fl_bins_add1(struct fl_bins *b, size_t i, double v);
/* a += b for equal n. */
void fl_bins_merge(struct fl_bins *a, const struct fl_bins *b);
/* out[i - i0] = the sum, rounded once to nearest double, i in [i0,i1). */
void fl_bins_value(const struct fl_bins *b, double *out, size_t i0, size_t i1);

#endif
