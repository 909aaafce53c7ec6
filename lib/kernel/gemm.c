/* Row-major products by register tiles; the chain over k is never cut.
 *
 * b is read in strips of a few vectors across, straight from the caller's rows
 * while it fits the second-level cache, else from scratch, packed strip by
 * strip (which also transposes). a is read by broadcast, so any stride will do
 * and it is never packed. c is worked on in blocks of rows. */
#include "kernel/gemm.h"

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/isa.h"

#ifdef FL_WITH_OPENBLAS
#include <cblas.h>
#endif

#define MAX_ROWS 12		/* of a tile */
#define MAX_WIDE 4		/* vectors across */
#define STRIP 2			/* vectors across, where rows are not few */
#define PAD 32			/* columns of a packed b are a multiple of this */
#define BLOCK_K 1024		/* a strip of it, 128 KiB, stays in the second-level cache */
#define BLOCK_M 96		/* with BLOCK_K, 384 KiB of a */
#define PACK_M 64		/* from this many rows on packing a large b pays */
#define PACK_BYTES (512 << 10)	/* larger b is packed */
#define HOT_BYTES (48 << 10)	/* c, weights and momentum of one rows() call */

/* c(mr,n) = start + a b over K steps. */
struct tile {
	const float *a, *b, *from;	/* from: where the accumulators start */
	float *c;
	size_t K, rs, ks;		/* a's strides along rows and k */
	size_t ldb, from_rs, ldc;
	int part;			/* columns in the last vector */
	int relu;
};
typedef void (*tile_fn)(const struct tile *t);

/* max(0, c) with c second: keeps NaN and -0, as c < 0 ? 0 : c does. */
#define TILE(name) name##_avx512
#define TARGET FL_TARGET_AVX512
#define VEC __m512
#define LANES 16
#define ROWS 12
#define FREE_MASKS 1
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
#undef VEC
#undef LANES
#undef ROWS
#undef FREE_MASKS
#undef EACH_TILE
#undef SPLAT
#undef FMA
#undef RELU
#undef MASK
#undef LOAD
#undef LOAD_PART
#undef STORE
#undef STORE_PART

static const int32_t mask8[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };

#define TILE(name) name##_avx2
#define TARGET FL_TARGET_AVX2
#define VEC __m256
#define LANES 8
#define ROWS 6
#define FREE_MASKS 0
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

/* What a set of instructions brings. Up to few rows, strips are MAX_WIDE
 * vectors across, so that there are chains enough to hide the latency. */
struct kit {
	const tile_fn (*tiles)[MAX_WIDE + 1];
	size_t lanes, rows, few;
};
static const struct kit kit_avx512 = { tiles_avx512, 16, 12, 6 };
static const struct kit kit_avx2 = { tiles_avx2, 8, 6, 2 };

static int use_blas;	/* set by fl_gemm_init */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int packs(const struct fl_gemm *g)
{
	return g->tb || (g->M >= PACK_M && g->K * g->N * sizeof(float) > PACK_BYTES);
}

size_t fl_gemm_scratch(const struct fl_gemm *g)
{
	return packs(g) ? g->K * ((g->N + PAD - 1) / PAD * PAD) : 0;
}

/* y(cols,8), rows ldy apart, = transpose of x(rows,cols), cols and rows <= 8.
 * Columns of y from rows on are zeroed. */
FL_TARGET_AVX2 static inline __attribute__((always_inline)) void
transpose8(const float *x, size_t ldx, size_t rows, size_t cols, float *y, size_t ldy)
{
	__m256 r[8], s[8];
	__m256i mask = MASK(cols);

#pragma GCC unroll 8
	for (size_t i = 0; i < 8; i++)
		r[i] = i < rows ? _mm256_maskload_ps(x + i * ldx, mask) : _mm256_setzero_ps();
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		s[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
		s[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
	}
#pragma GCC unroll 2
	for (int i = 0; i < 8; i += 4) {
		r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
		r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
		r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
		r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
	}
#pragma GCC unroll 8
	for (size_t i = 0; i < 8; i++) {
		__m256 v = i < 4 ? _mm256_permute2f128_ps(r[i & 3], r[(i & 3) + 4], 0x20) :
		                   _mm256_permute2f128_ps(r[i & 3], r[(i & 3) + 4], 0x31);

		if (i < cols)
			_mm256_storeu_ps(y + i * ldy, v);
	}
}

/* Strips of width columns: p[strip][k][width]; what lies past N is not read. */
FL_TARGET_AVX2 static void pack_transposed(const struct fl_gemm *g, size_t width, float *p)
{
	for (size_t j = 0; j < g->N; j += 8) {
		const float *x = g->b + j * g->ldb;
		float *y = p + j / width * width * g->K + j % width;
		size_t rows = least(8, g->N - j), k = 0;

		if (rows == 8)
			for (; k + 8 <= g->K; k += 8)
				transpose8(x + k, g->ldb, 8, 8, y + k * width, width);
		for (; k < g->K; k += 8)
			transpose8(x + k, g->ldb, rows, least(8, g->K - k), y + k * width, width);
	}
}

static void pack_straight(const struct fl_gemm *g, size_t width, float *p)
{
	for (size_t k = 0; k < g->K; k++)
		for (size_t j = 0; j < g->N; j += width)
			memcpy(p + j * g->K + k * width, g->b + k * g->ldb + j,
			       least(width, g->N - j) * sizeof(float));
}

/* Rows that one rows() call may see: a multiple of the tile's. */
static size_t block_rows(const struct fl_gemm *g, const struct kit *kit)
{
	size_t m = BLOCK_M;

	if (g->rows && g->N) {
		size_t hot = HOT_BYTES / 3 / sizeof(float) / g->N / kit->rows * kit->rows;

		m = least(m, hot ? hot : kit->rows);
	}
	return m;
}

/* m rows from t on, by tiles of nearly equal height. */
static void strip(const struct kit *kit, struct tile t, size_t m, size_t vectors)
{
	for (size_t left = (m + kit->rows - 1) / kit->rows; left > 0; left--) {
		size_t h = (m + left - 1) / left;

		kit->tiles[h][vectors](&t);
		t.a += h * t.rs;
		t.from += h * t.from_rs;
		t.c += h * t.ldc;
		m -= h;
	}
}

/* c rows [i0,i0+m), k in [k0,k0+K). packed may be NULL. */
static void block(const struct fl_gemm *g, const struct kit *kit, const float *packed,
                  size_t i0, size_t m, size_t k0, size_t K)
{
	static const float zeros[MAX_WIDE * 16];
	size_t width = kit->lanes * (packed || m > kit->few ? STRIP : MAX_WIDE);
	struct tile t = {
		.K = K, .rs = g->ta ? 1 : g->lda, .ks = g->ta ? g->lda : 1,
		.ldb = packed ? width : g->ldb, .ldc = g->ldc,
		.relu = g->relu && k0 + K == g->K
	};

	t.a = g->a + i0 * t.rs + k0 * t.ks;
	for (size_t j = 0; j < g->N; j += width) {
		size_t n = least(width, g->N - j), vectors = (n + kit->lanes - 1) / kit->lanes;

		t.b = packed ? packed + j * g->K + k0 * width : g->b + k0 * g->ldb + j;
		t.c = g->c + i0 * g->ldc + j;
		t.part = (int)(n - (vectors - 1) * kit->lanes);
		t.from_rs = 0;
		if (k0 || g->start == FL_GEMM_ADD) {
			t.from = t.c;
			t.from_rs = g->ldc;
		} else {
			t.from = g->start == FL_GEMM_BIAS ? g->bias + j : zeros;
		}
		strip(kit, t, m, vectors);
	}
}

static void tiled(const struct fl_gemm *g, const struct kit *kit, float *scratch)
{
	size_t step = block_rows(g, kit), m, k;
	float *packed = packs(g) ? scratch : NULL;

	if (packed && g->tb)
		pack_transposed(g, kit->lanes * STRIP, packed);
	else if (packed)
		pack_straight(g, kit->lanes * STRIP, packed);
	for (size_t i = 0; i < g->M; i += m) {
		m = least(step, g->M - i);
		k = 0;
		do {		/* once even where K is 0: c = start */
			block(g, kit, packed, i, m, k, least(BLOCK_K, g->K - k));
			k += BLOCK_K;
		} while (k < g->K);
		if (g->rows)
			g->rows(g->ctx, i, i + m);
	}
}

#ifdef FL_WITH_OPENBLAS
/* Multiply-adds from which a product counts as large. */
#define BLAS_MIN 1e8

static int blas_takes(const struct fl_gemm *g)
{
	return use_blas && (double)g->M * (double)g->N * (double)g->K >= BLAS_MIN &&
	       g->M <= INT32_MAX && g->N <= INT32_MAX && g->K <= INT32_MAX &&
	       g->lda <= INT32_MAX && g->ldb <= INT32_MAX && g->ldc <= INT32_MAX;
}

static void by_blas(const struct fl_gemm *g)
{
	if (g->start == FL_GEMM_BIAS)
		for (size_t i = 0; i < g->M; i++)
			memcpy(g->c + i * g->ldc, g->bias, g->N * sizeof(float));
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

void fl_gemm_ref(const struct fl_gemm *g)
{
	size_t rs = g->ta ? 1 : g->lda, ks = g->ta ? g->lda : 1;
	size_t bk = g->tb ? 1 : g->ldb, bj = g->tb ? g->ldb : 1;

	for (size_t i = 0; i < g->M; i++) {
		for (size_t j = 0; j < g->N; j++) {
			float *c = g->c + i * g->ldc + j;
			float acc = g->start == FL_GEMM_ADD ? *c :
			            g->start == FL_GEMM_BIAS ? g->bias[j] : 0;

			for (size_t k = 0; k < g->K; k++)
				acc = fmaf(g->a[i * rs + k * ks], g->b[k * bk + j * bj], acc);
			*c = g->relu && acc < 0 ? 0 : acc;
		}
		if (g->rows)
			g->rows(g->ctx, i, i + 1);
	}
}

void fl_gemm(const struct fl_gemm *g, float *scratch)
{
#ifdef FL_WITH_OPENBLAS
	if (blas_takes(g)) {
		by_blas(g);
		return;
	}
#endif
	switch (fl_isa()) {
	case FL_ISA_AVX512:
		tiled(g, &kit_avx512, scratch);
		break;
	case FL_ISA_AVX2:
		tiled(g, &kit_avx2, scratch);
		break;
	default:
		fl_gemm_ref(g);
	}
}

/* k in the middle: rows of b and c are read in order. */
void fl_gemm64(const struct fl_gemm64 *g)
{
	size_t rs = g->ta ? 1 : g->lda, ks = g->ta ? g->lda : 1;
	size_t bk = g->tb ? 1 : g->ldb, bj = g->tb ? g->ldb : 1;

	for (size_t i = 0; i < g->M; i++) {
		double *c = g->c + i * g->ldc;

		if (g->start != FL_GEMM_ADD)
			for (size_t j = 0; j < g->N; j++)
				c[j] = g->start == FL_GEMM_BIAS ? g->bias[j] : 0;
		for (size_t k = 0; k < g->K; k++)
			for (size_t j = 0; j < g->N; j++)
				c[j] += g->a[i * rs + k * ks] * g->b[k * bk + j * bj];
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
	return fl_fail(e, FL_EUSAGE, "FL_BLAS=openblas: this program is not linked with OpenBLAS");
#endif
}

const char *fl_gemm_provenance(void)
{
	return use_blas ? "FL_BLAS=openblas" : "";
}
