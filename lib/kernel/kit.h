/* Register tiles: what a set of instructions brings to products (gemm.c, blocked.c). */
#ifndef FL_KERNEL_KIT_H
#define FL_KERNEL_KIT_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/gemm.h"

#define FL_TILE_ROWS 12		/* at most */
#define FL_TILE_WIDE 4		/* vectors across, at most */
#define FL_STRIP 2		/* vectors across a strip of packed b */

/* c(mr,n) = start + a b over K steps. */
struct fl_tile {
	const float *a, *b, *from;	/* from: where the accumulators start */
	float *c;
	size_t K, rs, ks;		/* a's strides along rows and k */
	const uint32_t *ai, *ak;	/* or its offsets, where ai is not NULL */
	size_t ldb, from_rs, ldc;
	int splat;			/* from holds a number a row */
	int part;			/* columns in the last vector */
	int relu;
	const float *next;	/* what is asked for meanwhile, next_step on a step over k */
	size_t next_step;
};
typedef void (*fl_tile_fn)(const struct fl_tile *t);

/* Tiles by rows and vectors across. Up to few rows, strips are FL_TILE_WIDE vectors
 * across, so that there are chains enough to hide the latency. */
struct fl_kit {
	const fl_tile_fn (*tiles)[FL_TILE_WIDE + 1];
	size_t lanes, rows, few;
	int flush;		/* subnormal numbers must be 0 while they work */
};
/* NULL: this processor has none. bf16: a and b are pairs along k (bf16.h), K of them. */
const struct fl_kit *fl_kit(void);
const struct fl_kit *fl_kit_bf16(void);

/* Where the accumulators of rows from i0 on, columns from j on, start; t->c is set. */
static inline void fl_tile_start(const struct fl_gemm *g, size_t i0, size_t j, size_t k0,
                                 struct fl_tile *t)
{
	static const float zeros[FL_TILE_WIDE * 16];

	t->from_rs = 0;
	t->splat = 0;
	if (k0 || g->start == FL_GEMM_ADD) {
		t->from = t->c;
		t->from_rs = g->ldc;
	} else if (g->start == FL_GEMM_ROW_BIAS) {
		t->from = g->bias + i0;
		t->splat = 1;
	} else {
		t->from = g->start == FL_GEMM_BIAS ? g->bias + j : zeros;
	}
}

#endif
