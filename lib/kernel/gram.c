/* Inner products of centred vectors: tiles of coordinates, 64 double lanes.
 *
 * As in a matrix product, vectors are packed by panels of a few, and a register tile
 * takes all pairs of two panels. The lanes of a pair never meet before a tile's end, so
 * they are summed a vector's width at a time: the same sums for every tile shape. */
#include "kernel/gram.h"

#include <string.h>

#include "kernel/isa.h"

#define TILE 1024
#define LANES 64		/* as in vmath.h */
#define ROWS 24			/* of G at once: their tiles, 192 KiB, stay in the second-level cache */
#define MAX_SIDE 4		/* vectors of a panel; ROWS is a multiple of each kit's */

/* What a set of instructions brings. pack: vector r of a panel, less the origin. block:
 * inner products of two panels. */
struct kit {
	size_t side;
	void (*pack)(const float *v, const double *origin, size_t n, size_t r, double *p);
	void (*block)(const double *a, const double *b, size_t steps, double *out);
};

#define BLOCK(name) name##_avx512
#define TARGET FL_TARGET_AVX512
#define WIDE 8
#define SIDE 4
#include "kernel/gram_block.inc"

#define BLOCK(name) name##_avx2
#define TARGET FL_TARGET_AVX2
#define WIDE 4
#define SIDE 3
#include "kernel/gram_block.inc"

#define BLOCK(name) name##_base
#define TARGET
#define WIDE 2
#define SIDE 3
#include "kernel/gram_block.inc"

/* The work of one call, at a tile of n coordinates from c on. */
struct gram {
	const struct kit *kit;
	const float *const *v;
	double *G;
	size_t K, c, n;
	double origin[TILE];
	_Alignas(64) double rows[ROWS * TILE], other[MAX_SIDE * TILE];
};

/* A panel of vectors from k on. Places from end on keep what is there: nobody asks for
 * their products. */
static void pack(const struct gram *g, size_t k, size_t end, double *p)
{
	for (size_t r = 0; r < g->kit->side && k + r < end; r++)
		g->kit->pack(g->v[k + r] + g->c, g->origin, g->n, r, p);
}

/* Panels from rows i and j on; what lies below the diagonal and before row end. */
static void add_block(struct gram *g, const double *a, size_t i, size_t end, size_t j)
{
	double sum[MAX_SIDE * MAX_SIDE];
	size_t side = g->kit->side;

	g->kit->block(a, g->other, (g->n + LANES - 1) / LANES, sum);
	for (size_t r = 0; r < side && i + r < end; r++)
		for (size_t s = 0; s < side && j + s <= i + r; s++)
			g->G[(i + r) * g->K + j + s] += sum[r * side + s];
}

static void add_tile(struct gram *g, size_t i0, size_t i1)
{
	size_t side = g->kit->side;

	for (size_t i = i0; i < i1; i += side)
		pack(g, i, i1, g->rows + (i - i0) * TILE);
	for (size_t j = 0; j < i1; j += side) {
		pack(g, j, i1, g->other);
		for (size_t i = i0; i < i1; i += side)
			if (i + side > j)
				add_block(g, g->rows + (i - i0) * TILE, i, i1, j);
	}
}

static const struct kit *kit(void)
{
	switch (fl_isa()) {
	case FL_ISA_AVX512: return &kit_avx512;
	case FL_ISA_AVX2: return &kit_avx2;
	default: return &kit_base;
	}
}

void fl_gram_rows(const float *const *v, const float *v0, size_t K, size_t n, size_t i0, size_t i1,
                  double *G)
{
	struct gram g = { .kit = kit(), .v = v, .G = G, .K = K };

	for (size_t i = i0; i < i1; i += ROWS)
		for (g.c = 0; g.c < n; g.c += TILE) {
			g.n = n - g.c < TILE ? n - g.c : TILE;
			for (size_t c = 0; v0 && c < TILE; c++)
				g.origin[c] = c < g.n ? (double)v0[g.c + c] : 0;
			add_tile(&g, i, i1 - i < ROWS ? i1 : i + ROWS);
		}
}
