/* Exact search: for every query the k rows of the gallery with the largest scores, and
 * where given rows stand among all, in both directions in one pass over tiles.
 *
 * The score of query q and gallery row g is
 *   s = scale_q scale_g h(c) + (bias_q + bias_g)     in double
 * with c the F32 chain of kernel/gemm.h over d, of rows as they are or, within [-1,1], of
 * unit length, and h(c) = c or ln(1 + c), where 1 + c is at least 2^-24, or where joint is given
 *   s = joint(scale_q, scale_g, c) + (bias_q + bias_g). It depends on the two rows
 * alone: not on threads, blocks, the instruction set or the first pass. Does not know
 * what a score means, nor where rows come from. */
#ifndef FL_INDEX_INDEX_H
#define FL_INDEX_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* n rows of d values, read in blocks, by several threads at once. */
struct fl_rows {
	size_t n, d;
	/* out(m,d) = rows [i0,i0+m). */
	int (*read)(const void *ctx, size_t i0, size_t m, float *out, struct fl_err *e);
	/* The same rows where they already lie in F32 one after the other, else NULL; may be NULL. */
	const float *(*at)(const void *ctx, size_t i0, size_t m);
	/* "FILE: row 7", for messages. */
	void (*where)(const void *ctx, size_t i, char *buf, size_t size);
	const void *ctx;
	const double *scale, *bias;	/* (n) finite, scale >= 0; NULL: 1, 0 */
	const uint32_t *order;		/* (n) place of a row among equal scores; NULL: its number */
};

struct fl_hit {
	double score;
	uint32_t row;
};

/* The k largest of each of n rows, by score descending, then order ascending. */
struct fl_top {
	size_t n, k;
	struct fl_hit *hit;	/* (n,k) */
	uint32_t *count;	/* (n) how many there are, at most k */
	size_t tied;		/* rows where the k-th and the next have the same score */
};

/* For given rows of the other side: how many others have a larger score, the same
 * one, and of these a smaller order. Those of row i are [first[i],first[i+1]). */
struct fl_stand {
	const size_t *first;	/* (n+1) */
	const uint32_t *row;	/* (first[n]) */
	size_t *depth;		/* (n) places that matter, or NULL: all */
	double *score;		/* (first[n]) outputs, the caller's */
	uint32_t *above, *level, *before;	/* above = FL_STAND_FAR: depth or more */
};
#define FL_STAND_FAR UINT32_MAX

enum fl_first {
	FL_FIRST_AUTO,		/* the fastest that this processor has */
	FL_FIRST_EXACT,		/* F32 throughout */
	FL_FIRST_BF16,		/* products of BF16, then those in F32 that its error leaves open */
	FL_FIRST_INT8		/* the same with 8-bit integers after a rotation */
};
extern const char *const fl_first_name[];	/* by the above, NULL-terminated */

struct fl_search {
	struct fl_rows query, gallery;
	int unit;			/* c is of rows scaled to unit length: the cosine */
	int log1p;			/* h */
	/* out(n) = joint(a, b(n), c(n)), which rises with c, |out| <= a + b; or NULL. Each
	 * element's bits depend on its own arguments alone. No first pass then. */
	void (*joint)(double a, const double *b, const float *c, double *out, size_t n, size_t d);
	size_t k, back_k;		/* of each query; of each gallery row; 0: none */
	double min;			/* scores below are no hits; -INFINITY */
	const uint32_t *self;		/* (query.n) gallery row that is as if it were not there
					 * for the query; or NULL. UINT32_MAX: none. Not with
					 * back_k or back_stand */
	struct fl_stand *stand, *back_stand;	/* of queries, of gallery rows; or NULL */
	enum fl_first pass;
	size_t memory;			/* bytes for blocks and heaps; results come on top */
	int threads;
};

struct fl_found {
	struct fl_top top, back;	/* hit NULL where k, back_k is 0 */
	enum fl_first pass;		/* what was used */
	size_t chunks;			/* passes over the gallery */
	unsigned long long exact;	/* scores recomputed in F32 after a first pass */
	struct fl_arena arena;
};

/* FL_EDATA: a row that is not finite, or all zeros where unit. FL_ENUM: products that
 * leave the range of F32. A first pass that this processor has not is left out. */
int fl_search(const struct fl_search *s, struct fl_found *out, struct fl_err *e);
void fl_found_release(struct fl_found *f);

#endif
