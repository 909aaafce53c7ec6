/* Row-major products by register tiles; the chain over k is never cut.
 *
 * b is read in strips of a few vectors across, straight from the caller's rows
 * while it fits the second-level cache, else from scratch, packed strip by
 * strip (which also transposes): all of it where c has many rows, else a few
 * strips at a time. a is read by broadcast, so any stride will do and it is
 * never packed. c is worked on in blocks of rows. */
#include "kernel/gemm.h"

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "kernel/bf16.h"
#include "kernel/blocked.h"
#include "kernel/isa.h"
#include "kernel/kit.h"
#include "kernel/pack.h"

#ifdef FL_WITH_OPENBLAS
#include <cblas.h>
#endif

const char *const fl_gemm_precision_name[] = { "f32", "bf16", NULL };

#define TARGET_DPBF16 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma,f16c,prefer-vector-width=512")))

#define PAD 32			/* columns of a packed b are a multiple of this: strips are lines */
#define BLOCK_K 1024		/* a strip of it, 128 KiB, stays in the second-level cache */
#define BLOCK_M 96		/* with BLOCK_K, 384 KiB of a */
#define PACK_M 64		/* from this many rows on packing a large b pays */
#define PACK_BYTES (512 << 10)	/* larger b is packed */
#define WHOLE_M 384		/* from more rows than this on b is packed as a whole */
#define FEW (2 * PAD)		/* columns packed at a time for fewer rows */
#define HOT_BYTES (48 << 10)	/* c, weights and momentum of one rows() call */

/* max(0, c) with c second: keeps NaN and -0, as c < 0 ? 0 : c does. */
#define TILE(name) name##_avx512
#define TARGET FL_TARGET_AVX512
#define VEC __m512
#define LANES 16
#define ROWS 12
#define FREE_MASKS 1
#define APART 1
#define EACH_TILE(f) \
	f(1, 1) f(2, 1) f(3, 1) f(4, 1) f(5, 1) f(6, 1) f(7, 1) f(8, 1) f(9, 1) f(10, 1) \
	f(11, 1) f(12, 1) f(1, 2) f(2, 2) f(3, 2) f(4, 2) f(5, 2) f(6, 2) f(7, 2) f(8, 2) \
	f(9, 2) f(10, 2) f(11, 2) f(12, 2) f(1, 3) f(2, 3) f(3, 3) f(4, 3) f(5, 3) f(6, 3) \
	f(1, 4) f(2, 4) f(3, 4) f(4, 4) f(5, 4) f(6, 4)
#define SPLAT(x) _mm512_set1_ps(x)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define RELU(c) _mm512_max_ps(_mm512_setzero_ps(), c)
#define MASK(n) ((__mmask16)((1U << (n)) - 1))
#define LOAD(p) _mm512_loadu_ps(p)
#define LOAD_PART(p, n) _mm512_maskz_loadu_ps(MASK(n), p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define STORE_PART(p, v, n) _mm512_mask_storeu_ps(p, MASK(n), v)
#include "kernel/gemm_tile.inc"
#undef TILE
#undef TARGET
#undef APART
#undef EACH_TILE
#undef FMA

/* Pairs of bfloat16, packed: no more than a strip across. */
#define TILE(name) name##_dpbf16
#define TARGET TARGET_DPBF16
#define APART 0
#define EACH_TILE(f) \
	f(1, 1) f(2, 1) f(3, 1) f(4, 1) f(5, 1) f(6, 1) f(7, 1) f(8, 1) f(9, 1) f(10, 1) \
	f(11, 1) f(12, 1) f(1, 2) f(2, 2) f(3, 2) f(4, 2) f(5, 2) f(6, 2) f(7, 2) f(8, 2) \
	f(9, 2) f(10, 2) f(11, 2) f(12, 2)
#define FMA(a, b, c) _mm512_dpbf16_ps(c, (__m512bh)(a), (__m512bh)(b))
#include "kernel/gemm_tile.inc"
#undef TILE
#undef TARGET
#undef VEC
#undef LANES
#undef ROWS
#undef FREE_MASKS
#undef APART
#undef EACH_TILE
#undef SPLAT
#undef FMA
#undef RELU
#undef MASK
#undef LOAD
#undef LOAD_PART
#undef STORE
#undef STORE_PART

static const int32_t mask8[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };	/* then none */

#define TILE(name) name##_avx2
#define TARGET FL_TARGET_AVX2
#define VEC __m256
#define LANES 8
#define ROWS 6
#define FREE_MASKS 0
#define APART 1
#define EACH_TILE(f) \
	f(1, 1) f(2, 1) f(3, 1) f(4, 1) f(5, 1) f(6, 1) f(1, 2) f(2, 2) f(3, 2) f(4, 2) \
	f(5, 2) f(6, 2) f(1, 3) f(2, 3) f(1, 4) f(2, 4)
#define SPLAT(x) _mm256_set1_ps(x)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define RELU(c) _mm256_max_ps(_mm256_setzero_ps(), c)
#define MASK(n) _mm256_loadu_si256((const __m256i *)(mask8 + 8 - (n)))
#define LOAD(p) _mm256_loadu_ps(p)
#define LOAD_PART(p, n) _mm256_maskload_ps(p, MASK(n))
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define STORE_PART(p, v, n) _mm256_maskstore_ps(p, MASK(n), v)
#include "kernel/gemm_tile.inc"
#undef TILE
#undef APART
#undef EACH_TILE
#undef FMA

/* The same pairs by two multiply-adds, the odd one first; subnormal numbers are 0 by
 * the mode that blocked.c sets. */
#define TILE(name) name##_pairs
#define APART 0
#define EACH_TILE(f) \
	f(1, 1) f(2, 1) f(3, 1) f(4, 1) f(5, 1) f(6, 1) f(1, 2) f(2, 2) f(3, 2) f(4, 2) \
	f(5, 2) f(6, 2)
#define ODD(x) _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000)))
#define EVEN(x) _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 16))
#define FMA(a, b, c) _mm256_fmadd_ps(EVEN(a), EVEN(b), _mm256_fmadd_ps(ODD(a), ODD(b), c))
#include "kernel/gemm_tile.inc"

static const struct fl_kit kit_avx512 = { tiles_avx512, 16, 12, 6, 0 };
static const struct fl_kit kit_avx2 = { tiles_avx2, 8, 6, 2, 0 };
static const struct fl_kit kit_dpbf16 = { .tiles = tiles_dpbf16, .lanes = 16, .rows = 12 };
static const struct fl_kit kit_pairs = { .tiles = tiles_pairs, .lanes = 8, .rows = 6, .flush = 1 };

const struct fl_kit *fl_kit(void)
{
	switch (fl_isa()) {
	case FL_ISA_AVX512: return &kit_avx512;
	case FL_ISA_AVX2: return &kit_avx2;
	default: return NULL;
	}
}

/* Whether vdpbf16ps adds as gemm.h says: each product by itself, the odd one first, and
 * what is below the normal numbers, after rounding, as 0. */
static int dpbf16_agrees(void)
{
	static const float a[][2] = {
		{ 0x1p-24f, 1 }, { -1, 0x1p127f }, { 0x1.02p-100f, 0x1p-70f }, { 0x1.fep-130f, 1 },
		{ 0x1.fep-64f, 0x1p-90f }, { 0x1.54p3f, -0x1.7ep3f }
	};
	static const float b[][2] = {
		{ 1, 0x1.02p0f }, { 1, 2 }, { 0x1.02p-30f, 0x1p-70f }, { 0x1p10f, 0x1p-127f },
		{ 0x1.02p-64f, -0x1p-60f }, { 0x1.aap2f, 0x1.12p4f }
	};
	static const float start[] = { 0x1p-25f, 0x1p127f, 0x1.fffffcp-127f, 0x1p-126f, 0x1p-126f, 3 };

	for (size_t i = 0; i < sizeof start / sizeof *start; i++) {
		float want = start[i], got = start[i];
		struct fl_gemm g = {
			.M = 1, .N = 1, .K = 2, .a = a[i], .b = b[i], .c = &want, .lda = 2, .ldb = 1, .ldc = 1,
			.start = FL_GEMM_ADD, .precision = FL_GEMM_BF16,
		};
		uint32_t pair[] = { fl_bf16_pair(a[i][0], a[i][1]), fl_bf16_pair(b[i][0], b[i][1]) };
		float p[2];
		struct fl_tile t = { .K = 1, .a = p, .b = p + 1, .next = p, .from = &got, .c = &got, .part = 1 };

		fl_gemm_ref(&g);
		memcpy(p, pair, sizeof p);
		tile_1x1_dpbf16(&t);
		if (memcmp(&want, &got, sizeof got))
			return 0;
	}
	return 1;
}

const struct fl_kit *fl_kit_bf16(void)
{
	static atomic_int known;	/* 1: use it, 2: do not */
	int k = atomic_load_explicit(&known, memory_order_relaxed);

	if (fl_isa() < FL_ISA_AVX2)
		return NULL;
	if (fl_isa() < FL_ISA_AVX512)
		return &kit_pairs;
	if (!k) {
		k = fl_isa_has(FL_AVX512_BF16) && dpbf16_agrees() ? 1 : 2;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	return k == 1 ? &kit_dpbf16 : &kit_pairs;
}

static const struct fl_kit *kit_for(const struct fl_gemm *g)
{
	return g->precision == FL_GEMM_BF16 ? fl_kit_bf16() : fl_kit();
}

static int use_blas;	/* set by fl_gemm_init */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int packs(const struct fl_gemm *g)
{
	return g->bj || g->tb || (g->M >= PACK_M && g->K * g->N * sizeof(float) > PACK_BYTES);
}

/* Floats of packed b that are there at a time. */
size_t fl_gemm_scratch(const struct fl_gemm *g)
{
	size_t N = (g->N + PAD - 1) / PAD * PAD;

	if (fl_blocked_takes(g))
		return fl_blocked_scratch(g, 1);
	if (!packs(g))
		return 0;
	return g->M > WHOLE_M ? g->K * N : least(g->K, BLOCK_K) * least(N, FEW);
}

/* Steps over k: few, of nearly equal length. */
static size_t deep(size_t K)
{
	size_t n = (K + BLOCK_K - 1) / BLOCK_K;

	return n > 1 ? (K + n - 1) / n : K;
}

/* Rows that one rows() call may see: a multiple of the tile's. */
static size_t block_rows(const struct fl_gemm *g, const struct fl_kit *kit)
{
	size_t m = BLOCK_M;

	if (g->rows && g->N) {
		size_t hot = HOT_BYTES / 3 / sizeof(float) / g->N / kit->rows * kit->rows;

		m = least(m, hot ? hot : kit->rows);
	}
	return m;
}

/* Packed columns [j0,j0+n) of b, rows [k0,k0+K); b NULL: all, as the caller has them. */
struct panel {
	float *b;
	size_t j0, n, k0, K;
};

/* m rows from t on, by tiles of nearly equal height. */
static void strip(const struct fl_kit *kit, struct fl_tile t, size_t m, size_t vectors)
{
	for (size_t left = (m + kit->rows - 1) / kit->rows; left > 0; left--) {
		size_t h = (m + left - 1) / left;

		kit->tiles[h][vectors](&t);
		t.a += t.ai ? 0 : h * t.rs;
		t.ai = t.ai ? t.ai + h : NULL;
		t.from += t.splat ? h : h * t.from_rs;
		t.c += h * t.ldc;
		m -= h;
	}
}

/* Where rows from i0 on, k from k0 on, find a. */
static void place_a(const struct fl_gemm *g, size_t i0, size_t k0, struct fl_tile *t)
{
	t->rs = g->ta ? 1 : g->lda;
	t->ks = g->ta ? g->lda : 1;
	t->a = g->ai ? g->a : g->a + i0 * t->rs + k0 * t->ks;
	t->ai = g->ai ? g->ai + i0 : NULL;
	t->ak = g->ai ? g->ak + k0 : NULL;
}

/* c rows [i0,i0+m), the panel's columns, k in [k0,k0+K). */
static void block(const struct fl_gemm *g, const struct fl_kit *kit, const struct panel *p,
                  size_t i0, size_t m, size_t k0, size_t K)
{
	size_t width = kit->lanes * (p->b || m > kit->few ? FL_STRIP : FL_TILE_WIDE), end = p->j0 + p->n;
	struct fl_tile t = {
		.K = K, .ldb = p->b ? width : g->ldb, .ldc = g->ldc,
		.relu = g->relu && k0 + K == g->K
	};

	place_a(g, i0, k0, &t);
	for (size_t j = p->j0; j < end; j += width) {
		size_t n = least(width, end - j), vectors = (n + kit->lanes - 1) / kit->lanes;

		t.b = p->b ? p->b + (j - p->j0) * p->K + (k0 - p->k0) * width :
		             g->b + k0 * g->ldb + j;
		t.next = t.b;
		t.c = g->c + i0 * g->ldc + j;
		t.part = (int)(n - (vectors - 1) * kit->lanes);
		fl_tile_start(g, i0, j, k0, &t);
		strip(kit, t, m, vectors);
	}
}

/* Blocks of rows, each with all columns. */
static void by_rows(const struct fl_gemm *g, const struct fl_kit *kit, float *scratch)
{
	struct panel p = { packs(g) ? scratch : NULL, 0, g->N, 0, g->K };
	size_t step = block_rows(g, kit), depth = deep(g->K), m, k;

	if (p.b)
		fl_pack_b(g, kit->lanes * FL_STRIP, 0, g->N, 0, g->K, p.b);
	for (size_t i = 0; i < g->M; i += m) {
		m = least(step, g->M - i);
		k = 0;
		do {		/* once even where K is 0: c = start */
			block(g, kit, &p, i, m, k, least(depth, g->K - k));
			k += depth;
		} while (k < g->K);
		if (g->rows)
			g->rows(g->ctx, i, i + m);
	}
}

/* A few columns, each with all rows. */
static void by_columns(const struct fl_gemm *g, const struct fl_kit *kit, float *scratch)
{
	for (size_t j = 0; j < g->N; j += FEW) {
		struct panel p = { scratch, j, least(FEW, g->N - j), 0, 0 };

		do {
			p.K = least(deep(g->K), g->K - p.k0);
			fl_pack_b(g, kit->lanes * FL_STRIP, j, p.n, p.k0, p.K, p.b);
			for (size_t i = 0; i < g->M; i += BLOCK_M)
				block(g, kit, &p, i, least(BLOCK_M, g->M - i), p.k0, p.K);
			p.k0 += p.K;
		} while (p.k0 < g->K);
	}
	if (g->rows && g->M)
		g->rows(g->ctx, 0, g->M);
}

static void tiled(const struct fl_gemm *g, const struct fl_kit *kit, float *scratch)
{
	if (packs(g) && g->M <= WHOLE_M)
		by_columns(g, kit, scratch);
	else
		by_rows(g, kit, scratch);
}

/* Places of op(a)[i][k] and op(b)[k][j]; where c[i][j] starts. */
#define AT_A(g, i, k) ((g)->ai ? (size_t)(g)->ai[i] + (g)->ak[k] : \
	(g)->ta ? (k) * (g)->lda + (i) : (i) * (g)->lda + (k))
#define AT_B(g, k, j) ((g)->bj ? (size_t)(g)->bk[k] + (g)->bj[j] : \
	(g)->tb ? (j) * (g)->ldb + (k) : (k) * (g)->ldb + (j))
#define START(g, c, i, j) ((g)->start == FL_GEMM_ADD ? (c) : \
	(g)->start == FL_GEMM_BIAS ? (g)->bias[j] : \
	(g)->start == FL_GEMM_ROW_BIAS ? (g)->bias[i] : 0)

#ifdef FL_WITH_OPENBLAS
/* Multiply-adds from which a product counts as large. */
#define BLAS_MIN 1e8

static int blas_takes(const struct fl_gemm *g)
{
	return use_blas && g->precision == FL_GEMM_F32 && !g->ai && !g->bj && (double)g->M * (double)g->N * (double)g->K >= BLAS_MIN &&
	       g->M <= INT32_MAX && g->N <= INT32_MAX && g->K <= INT32_MAX &&
	       g->lda <= INT32_MAX && g->ldb <= INT32_MAX && g->ldc <= INT32_MAX;
}

static void by_blas(const struct fl_gemm *g)
{
	for (size_t i = 0; i < g->M && g->start != FL_GEMM_ZERO; i++)
		for (size_t j = 0; j < g->N; j++)
			g->c[i * g->ldc + j] = START(g, g->c[i * g->ldc + j], i, j);
	cblas_sgemm(CblasRowMajor, g->ta ? CblasTrans : CblasNoTrans,
	            g->tb ? CblasTrans : CblasNoTrans, (int)g->M, (int)g->N, (int)g->K, 1,
	            g->a, (int)g->lda, g->b, (int)g->ldb, g->start == FL_GEMM_ZERO ? 0 : 1,
	            g->c, (int)g->ldc);
	for (size_t i = 0; g->relu && i < g->M; i++)
		for (size_t j = 0; j < g->N; j++) {
			float *c = g->c + i * g->ldc + j;

			*c = *c < 0 ? 0 : *c;
		}
	if (g->rows)
		g->rows(g->ctx, 0, g->M);
}
#endif

/* fmaf, and 0 for what rounds to less than the normal numbers. The least of those may
 * have been less: it is rounded once more where all 24 bits are there. */
static float flushed_fma(float x, float y, float acc)
{
	static const float up = 0x1p64f;
	float r = fmaf(x, y, acc);
	int less = fabsf(r) == FLT_MIN ? fabsf(fmaf(x * up, y, acc * up)) < FLT_MIN * up :
	                                 fabsf(r) < FLT_MIN;

	return less ? copysignf(0, r) : r;
}

static float pairs(const struct fl_gemm *g, size_t i, size_t j, float acc)
{
	for (size_t k = 0; k < (g->K + 1) / 2 * 2; k++) {
		size_t at = k ^ 1;	/* the odd one first */
		float x = at < g->K ? fl_bf16_round(g->a[AT_A(g, i, at)]) : 0;
		float y = at < g->K ? fl_bf16_round(g->b[AT_B(g, at, j)]) : 0;

		if (fabsf(acc) < FLT_MIN)
			acc = copysignf(0, acc);
		acc = flushed_fma(x, y, acc);
	}
	return acc;
}

static float chain(const struct fl_gemm *g, size_t i, size_t j, float acc)
{
	if (g->precision == FL_GEMM_BF16)
		return pairs(g, i, j, acc);
	for (size_t k = 0; k < g->K; k++)
		acc = fmaf(g->a[AT_A(g, i, k)], g->b[AT_B(g, k, j)], acc);
	return acc;
}

void fl_gemm_ref(const struct fl_gemm *g)
{
	for (size_t i = 0; i < g->M; i++) {
		for (size_t j = 0; j < g->N; j++) {
			float *c = g->c + i * g->ldc + j, acc = chain(g, i, j, START(g, *c, i, j));

			*c = g->relu && acc < 0 ? 0 : acc;
		}
		if (g->rows)
			g->rows(g->ctx, i, i + 1);
	}
}

void fl_gemm(const struct fl_gemm *g, float *scratch)
{
	const struct fl_kit *kit = kit_for(g);

#ifdef FL_WITH_OPENBLAS
	if (blas_takes(g)) {
		by_blas(g);
		return;
	}
#endif
	if (!kit)
		fl_gemm_ref(g);
	else if (fl_blocked_takes(g))
		fl_blocked(g, kit, scratch, 1);
	else
		tiled(g, kit, scratch);
}

/* A share of the rows, a multiple of every tile's height. */
static struct fl_gemm share(const struct fl_gemm *g, int threads, size_t item)
{
	size_t n = (g->M / (size_t)threads + FL_TILE_ROWS) / FL_TILE_ROWS * FL_TILE_ROWS;
	size_t i0 = least(item * n, g->M);
	struct fl_gemm part = *g;

	part.M = least(n, g->M - i0);
	if (g->ai)
		part.ai += i0;
	else
		part.a += g->ta ? i0 : i0 * g->lda;
	if (g->start == FL_GEMM_ROW_BIAS)
		part.bias += i0;
	part.c += i0 * g->ldc;
	return part;
}

size_t fl_gemm_par_scratch(const struct fl_gemm *g, int threads)
{
	struct fl_gemm first = share(g, threads, 0);

	if (fl_blocked_takes(g))
		return fl_blocked_scratch(g, threads);
	return (size_t)threads * fl_gemm_scratch(&first);
}

struct shares {
	const struct fl_gemm *g;
	float *scratch;
	int threads;
};

static int one_share(void *ctx, size_t item, int thread, struct fl_err *e)
{
	const struct shares *s = ctx;
	struct fl_gemm part = share(s->g, s->threads, item);
	size_t room = fl_gemm_par_scratch(s->g, s->threads) / (size_t)s->threads;

	(void)thread;
	(void)e;
	fl_gemm(&part, s->scratch + item * room);
	return 0;
}

void fl_gemm_par(const struct fl_gemm *g, float *scratch, int threads)
{
	struct shares s = { g, scratch, threads };

	if (threads > 1 && fl_blocked_takes(g) && kit_for(g)) {
		fl_blocked(g, kit_for(g), scratch, threads);
		return;
	}
	fl_par_for((size_t)threads, threads, &s, one_share, NULL);
}

/* k in the middle: rows of b and c are read in order. */
void fl_gemm64(const struct fl_gemm64 *g)
{
	for (size_t i = 0; i < g->M; i++) {
		double *c = g->c + i * g->ldc;

		for (size_t j = 0; j < g->N; j++)
			c[j] = START(g, c[j], i, j);
		for (size_t k = 0; k < g->K; k++)
			for (size_t j = 0; j < g->N; j++)
				c[j] += g->a[AT_A(g, i, k)] * g->b[AT_B(g, k, j)];
		for (size_t j = 0; g->relu && j < g->N; j++)
			c[j] = c[j] < 0 ? 0 : c[j];
		if (g->rows)
			g->rows(g->ctx, i, i + 1);
	}
}

int fl_gemm_init(struct fl_err *e)
{
	const char *s = getenv("FL_BLAS");

	use_blas = 0;
	if (!s || !*s || !strcmp(s, "own"))
		return 0;
	if (strcmp(s, "openblas"))
		return fl_fail(e, FL_EUSAGE, "FL_BLAS=%s: unknown; known: own, openblas", s);
#ifdef FL_WITH_OPENBLAS
	openblas_set_num_threads(1);
	use_blas = 1;
	return 0;
#else
	return fl_fail(e, FL_EUSAGE, "FL_BLAS=openblas: this program was built without "
	               "OpenBLAS (Debian: libopenblas-serial-dev)");
#endif
}

const char *fl_gemm_provenance(void)
{
	return use_blas ? "FL_BLAS=openblas" : "";
}
