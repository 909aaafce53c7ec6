/* Large products, blocked as Goto and van de Geijn do (ACM TOMS 34, 2008): b is packed
 * as a whole, in strips; a in blocks of rows that stay in the second-level cache beside
 * the strip at hand. While a strip is multiplied the next one is asked for: it comes from
 * the last cache or from memory. Threads take strips to pack, then blocks of rows. */
#include "kernel/blocked.h"

#include <immintrin.h>

#include "base/par.h"
#include "kernel/pack.h"

#define PANEL FL_TILE_ROWS	/* rows of a panel of packed a: a multiple of every tile's */
#define LINE 32			/* columns of packed b are a multiple of this: strips are lines */
#define BLOCK_K 1024		/* 128 KiB of a strip */
#define BLOCK_M (8 * PANEL)	/* with BLOCK_K, 384 KiB of a */

#define FLUSH 0x8040		/* of MXCSR: subnormal operands and results are 0 */

/* From so many on packing both operands pays. */
enum { LEAST_M = 385, LEAST_N = 64, LEAST_K = 96 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

int fl_blocked_takes(const struct fl_gemm *g)
{
	if (g->precision == FL_GEMM_BF16)
		return 1;
	return g->M >= LEAST_M && g->N >= LEAST_N && g->K >= LEAST_K;
}

static size_t columns(const struct fl_gemm *g)
{
	return (g->N + LINE - 1) / LINE * LINE;
}

/* Steps over k: bfloat16 goes by pairs, each as wide as a float. */
static size_t steps(const struct fl_gemm *g)
{
	return g->precision == FL_GEMM_BF16 ? (g->K + 1) / 2 : g->K;
}

static void pack(const struct fl_gemm *g, size_t width, size_t j0, size_t n, size_t k0, size_t K,
                 float *p)
{
	if (g->precision == FL_GEMM_BF16)
		fl_pack_pairs(g, width, j0, n, k0, K, p);
	else
		fl_pack_b(g, width, j0, n, k0, K, p);
}

size_t fl_blocked_scratch(const struct fl_gemm *g, int threads)
{
	return steps(g) * columns(g) + (size_t)threads * BLOCK_M * BLOCK_K;
}

struct work {
	const struct fl_gemm *g;
	struct fl_gemm at;		/* op(a) transposed, as pack.h takes an operand */
	const struct fl_kit *kit;
	float *a, *b;			/* packed: a block a thread, and all */
	size_t rows, depth, width;	/* of a block; of a strip */
	size_t K;			/* steps in all */
};

/* Rows [i0,i1) of a strip of c from column j on, all in t but what differs from tile to
 * tile. Tiles are set up member by member: copying one as a whole would wait for the
 * stores of the one before. */
static void strip(const struct work *w, struct fl_tile *t, const float *a, size_t i0, size_t i1,
                  size_t j, size_t k0)
{
	const struct fl_gemm *g = w->g;
	size_t lanes = w->kit->lanes, n = least(w->width, g->N - j);
	size_t vectors = (n + lanes - 1) / lanes, h;

	t->part = (int)(n - (vectors - 1) * lanes);
	t->next = t->b + (j + w->width < g->N ? w->width * w->K : 0);
	for (size_t i = i0; i < i1; i += h) {
		h = least(w->kit->rows, i1 - i);
		t->a = a + (i - i0) / PANEL * PANEL * t->K + (i - i0) % PANEL;
		t->c = g->c + i * g->ldc + j;
		fl_tile_start(g, i, j, k0, t);
		w->kit->tiles[h][vectors](t);
		t->next += h * t->next_step * t->K / PANEL;
	}
}

/* Rows [i0,i1), all columns, k in [k0,k0+K). Each tile asks for its share of a strip. */
static void block(const struct work *w, const float *a, size_t i0, size_t i1, size_t k0, size_t K)
{
	const struct fl_gemm *g = w->g;
	struct fl_tile t = {
		.K = K, .rs = 1, .ks = PANEL, .ldb = w->width, .ldc = g->ldc,
		.relu = g->relu && k0 + K == w->K,
		.next_step = (w->width * PANEL + i1 - i0 - 1) / (i1 - i0),
	};

	for (size_t j = 0; j < g->N; j += w->width) {
		t.b = w->b + j * w->K + k0 * w->width;
		strip(w, &t, a, i0, i1, j, k0);
	}
}

static int some_rows(void *ctx, size_t item, int thread, struct fl_err *e)
{
	const struct work *w = ctx;
	const struct fl_gemm *g = w->g;
	float *a = w->a + (size_t)thread * BLOCK_M * BLOCK_K;
	size_t i0 = item * w->rows, i1 = least(i0 + w->rows, g->M), k = 0, K;
	unsigned mode = _mm_getcsr();

	(void)e;
	if (w->kit->flush)
		_mm_setcsr(mode | FLUSH);
	do {		/* once even where there are no steps: c = start */
		K = least(w->depth, w->K - k);
		pack(&w->at, PANEL, i0, i1 - i0, k, K, a);
		block(w, a, i0, i1, k, K);
		k += K;
	} while (k < w->K);
	_mm_setcsr(mode);
	if (g->rows)
		g->rows(g->ctx, i0, i1);
	return 0;
}

static int some_columns(void *ctx, size_t item, int thread, struct fl_err *e)
{
	const struct work *w = ctx;
	size_t j = item * LINE;

	(void)thread;
	(void)e;
	pack(w->g, w->width, j, least(LINE, w->g->N - j), 0, w->K, w->b + j * w->K);
	return 0;
}

/* The size of few parts of x, nearly equal, at most most. */
static size_t share(size_t x, size_t most)
{
	size_t n = (x + most - 1) / most;

	return n ? (x + n - 1) / n : 0;
}

void fl_blocked(const struct fl_gemm *g, const struct fl_kit *kit, float *scratch, int threads)
{
	struct work w = {
		.g = g, .kit = kit, .K = steps(g), .b = scratch, .a = scratch + steps(g) * columns(g),
		.at = { .N = g->M, .K = g->K, .b = g->a, .ldb = g->lda, .tb = !g->ta, .bk = g->ak, .bj = g->ai,
		        .precision = g->precision },
		.rows = (share(g->M, BLOCK_M) + PANEL - 1) / PANEL * PANEL,
		.depth = share(steps(g), BLOCK_K), .width = kit->lanes * FL_STRIP,
	};

	if (!g->M)
		return;
	fl_par_for(columns(g) / LINE, threads, &w, some_columns, NULL);
	fl_par_for((g->M + w.rows - 1) / w.rows, threads, &w, some_rows, NULL);
}
