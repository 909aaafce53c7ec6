/* Packing: columns of b in strips, by transposing where its columns are runs of
 * memory and by copying where its rows are. */
#include "kernel/pack.h"

#include <immintrin.h>
#include <string.h>

#include "kernel/bf16.h"
#include "kernel/isa.h"

#define WIDEST 32		/* columns of a strip */
#define DEPTH 64		/* rows packed at a time: a strip of them stays in the first-level cache */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- columns are runs of memory --- */

static const int32_t mask8[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };

/* y(cols,8), rows ldy apart, = transpose of x(rows,cols), cols and rows <= 8; row i
 * begins at x + at[i]. Columns of y from rows on are zeroed. */
FL_TARGET_AVX2 static inline __attribute__((always_inline)) void
transpose8(const float *x, const size_t at[8], size_t rows, size_t cols, float *y, size_t ldy)
{
	__m256 r[8], s[8];
	__m256i mask = _mm256_loadu_si256((const __m256i *)(mask8 + 8 - cols));

#pragma GCC unroll 8
	for (size_t i = 0; i < 8; i++)
		r[i] = i >= rows ? _mm256_setzero_ps() : cols == 8 ? _mm256_loadu_ps(x + at[i]) :
		                                         _mm256_maskload_ps(x + at[i], mask);
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

/* The same for rows <= 4 and y(cols,4). */
FL_TARGET_AVX2 static inline __attribute__((always_inline)) void
transpose4(const float *x, const size_t at[4], size_t rows, size_t cols, float *y, size_t ldy)
{
	__m256 r[4], s[4];
	__m256i mask = _mm256_loadu_si256((const __m256i *)(mask8 + 8 - cols));

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		r[i] = i >= rows ? _mm256_setzero_ps() : cols == 8 ? _mm256_loadu_ps(x + at[i]) :
		                                         _mm256_maskload_ps(x + at[i], mask);
	s[0] = _mm256_unpacklo_ps(r[0], r[1]);
	s[1] = _mm256_unpackhi_ps(r[0], r[1]);
	s[2] = _mm256_unpacklo_ps(r[2], r[3]);
	s[3] = _mm256_unpackhi_ps(r[2], r[3]);
#pragma GCC unroll 2
	for (int i = 0; i < 2; i++) {
		r[2 * i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
		r[2 * i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
	}
#pragma GCC unroll 8
	for (size_t i = 0; i < 8; i++)
		if (i < cols)
			_mm_storeu_ps(y + i * ldy, i < 4 ? _mm256_castps256_ps128(r[i]) :
			                                   _mm256_extractf128_ps(r[i & 3], 1));
}

/* How many of the n <= 8 offsets at k follow each other from the first on: n or,
 * where they do not all, 1. */
FL_TARGET_AVX2 static size_t in_a_row(const uint32_t *k, size_t n)
{
	__m256i step = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), v;

	if (n < 8)
		return 1;
	v = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)k), step);
	v = _mm256_cmpeq_epi32(v, _mm256_set1_epi32((int)*k));
	return _mm256_movemask_epi8(v) == -1 ? 8 : 1;
}

/* Up to side columns, 8 or 4, from j on to p, whose rows are width apart. */
FL_TARGET_AVX2 static inline __attribute__((always_inline)) void
pack_columns(const struct fl_gemm *g, size_t j, size_t k0, size_t K, size_t width, float *p,
             const size_t side)
{
	size_t rows = least(side, g->N - j), at[8];

	for (size_t i = 0; i < rows; i++)
		at[i] = g->bj ? g->bj[j + i] : (j + i) * g->ldb;
	for (size_t k = 0, n; k < K; k += n, p += n * width) {
		const float *x = g->b + (g->bk ? g->bk[k0 + k] : k0 + k);

		n = least(8, K - k);
		if (g->bk)
			n = in_a_row(g->bk + k0 + k, n);
		if (rows == 8 && n == 8)
			transpose8(x, at, 8, 8, p, width);
		else if (rows == 4 && n == 8)
			transpose4(x, at, 4, 8, p, width);
		else if (side == 8)
			transpose8(x, at, rows, n, p, width);
		else
			transpose4(x, at, rows, n, p, width);
	}
}

/* The same, side known to the compiler. */
FL_TARGET_AVX2 static void pack_side(const struct fl_gemm *g, size_t j, size_t k0, size_t K,
                                     size_t width, float *p, size_t side)
{
	if (side == 8)
		pack_columns(g, j, k0, K, width, p, 8);
	else
		pack_columns(g, j, k0, K, width, p, 4);
}

static void pack_by_columns(const struct fl_gemm *g, size_t width, size_t j0, size_t n, size_t k0,
                            size_t K, float *p)
{
	size_t side = width % 8 ? 4 : 8;

	for (size_t j = 0; j < n; j += side)
		pack_side(g, j0 + j, k0, K, width, p + j / width * width * K + j % width, side);
}

/* --- rows are runs of memory --- */

/* n columns of a strip, n a power of two, that lie side by side in b. */
struct piece {
	size_t first, n, at;
};

/* Rows k of one piece; n is known to the compiler. */
FL_BODY void copy_rows(const float *b, const uint32_t *bk, size_t K, float *p, size_t width,
                       const size_t n)
{
	for (size_t k = 0; k < K; k++)
		memcpy(p + k * width, b + bk[k], n * sizeof *p);
}

FL_BODY void copy_piece_body(const float *b, const uint32_t *bk, size_t K, float *p,
                             size_t width, size_t n)
{
	switch (n) {
	case 32: copy_rows(b, bk, K, p, width, 32); break;
	case 16: copy_rows(b, bk, K, p, width, 16); break;
	case 8: copy_rows(b, bk, K, p, width, 8); break;
	case 4: copy_rows(b, bk, K, p, width, 4); break;
	case 2: copy_rows(b, bk, K, p, width, 2); break;
	default: copy_rows(b, bk, K, p, width, 1); break;
	}
}

static void copy_piece(const float *b, const uint32_t *bk, size_t K, float *p, size_t width,
                       size_t n);
FL_ISA_FN(copy_piece, (const float *b, const uint32_t *bk, size_t K, float *p, size_t width,
                       size_t n), (b, bk, K, p, width, n))

/* A run is one power of two, or two that overlap. */
static size_t find_pieces(const uint32_t *bj, size_t n, struct piece *piece)
{
	size_t count = 0;

	for (size_t j = 0, run, part; j < n; j += run) {
		run = 1;
		while (j + run < n && bj[j + run] == bj[j] + run)
			run++;
		part = run;
		while (part & (part - 1))	/* the greatest power of two in it */
			part &= part - 1;
		piece[count++] = (struct piece){ j, part, bj[j] };
		if (part < run)
			piece[count++] = (struct piece){ j + run - part, part, bj[j] + run - part };
	}
	return count;
}

static void pack_strip(const struct fl_gemm *g, size_t width, size_t j, size_t k0, size_t K,
                       float *p)
{
	struct piece piece[WIDEST];
	size_t n = find_pieces(g->bj + j, least(width, g->N - j), piece), depth;

	for (size_t k = 0; k < K; k += depth) {
		depth = least(DEPTH, K - k);
		for (size_t i = 0; i < n; i++)
			copy_piece(g->b + piece[i].at, g->bk + k0 + k, depth,
			           p + k * width + piece[i].first, width, piece[i].n);
	}
}

/* K rows of n <= width columns; whole strips of a kit's width are known to the compiler. */
FL_BODY void copy_strip_body(const float *b, size_t ldb, size_t K, float *p, size_t width, size_t n)
{
	size_t known = n == width ? n : 0;

	for (size_t k = 0; k < K; k++, b += ldb, p += width) {
		if (known == 32)
			memcpy(p, b, 32 * sizeof *p);
		else if (known == 16)
			memcpy(p, b, 16 * sizeof *p);
		else if (known == 12)
			memcpy(p, b, 12 * sizeof *p);
		else
			memcpy(p, b, n * sizeof *p);
	}
}
static void copy_strip(const float *b, size_t ldb, size_t K, float *p, size_t width, size_t n);
FL_ISA_FN(copy_strip, (const float *b, size_t ldb, size_t K, float *p, size_t width, size_t n),
          (b, ldb, K, p, width, n))

static void pack_straight(const struct fl_gemm *g, size_t width, size_t j0, size_t n, size_t k0,
                          size_t K, float *p)
{
	for (size_t k = 0; k < K; k += DEPTH)
		for (size_t j = 0; j < n; j += width)
			copy_strip(g->b + (k0 + k) * g->ldb + j0 + j, g->ldb, least(DEPTH, K - k),
			           p + j * K + k * width, width, least(width, n - j));
}

void fl_pack_b(const struct fl_gemm *g, size_t width, size_t j0, size_t n, size_t k0, size_t K,
               float *p)
{
	if (g->bj ? g->N > 1 && g->bj[1] != g->bj[0] + 1 : g->tb) {
		pack_by_columns(g, width, j0, n, k0, K, p);
	} else if (g->bj) {
		for (size_t j = 0; j < n; j += width)
			pack_strip(g, width, j0 + j, k0, K, p + j * K);
	} else {
		pack_straight(g, width, j0, n, k0, K, p);
	}
}

/* --- pairs of bfloat16 --- */

/* n pairs of rows x and y, or of y's place 0 where it is NULL. */
FL_BODY void pair_rows_body(const float *x, const float *y, size_t n, uint32_t *p)
{
	if (y)
		for (size_t i = 0; i < n; i++)
			p[i] = fl_bf16_pair(x[i], y[i]);
	else
		for (size_t i = 0; i < n; i++)
			p[i] = fl_bf16_pair(x[i], 0);
}
static void pair_rows(const float *x, const float *y, size_t n, uint32_t *p);
FL_ISA_FN(pair_rows, (const float *x, const float *y, size_t n, uint32_t *p), (x, y, n, p))

static void pairs_straight(const struct fl_gemm *g, size_t width, size_t j0, size_t n, size_t k0,
                           size_t K, uint32_t *p)
{
	for (size_t k = 0; k < K; k++) {
		const float *x = g->b + 2 * (k0 + k) * g->ldb + j0;
		const float *y = 2 * (k0 + k) + 1 < g->K ? x + g->ldb : NULL;

		for (size_t j = 0; j < n; j += width)
			pair_rows(x + j, y ? y + j : NULL, least(width, n - j), p + j * K + k * width);
	}
}

/* Pairs of a run x(n): n/2 of them, one more where n is odd. */
FL_BODY void pair_run_body(const float *x, size_t n, uint32_t *p)
{
	for (size_t i = 0; i < n / 2; i++)
		p[i] = fl_bf16_pair(x[2 * i], x[2 * i + 1]);
	if (n % 2)
		p[n / 2] = fl_bf16_pair(x[n - 1], 0);
}
static void pair_run(const float *x, size_t n, uint32_t *p);
FL_ISA_FN(pair_run, (const float *x, size_t n, uint32_t *p), (x, n, p))

/* Runs are rounded a few at a time, and then transposed as floats are. */
static void pairs_by_columns(const struct fl_gemm *g, size_t width, size_t j0, size_t n, size_t k0,
                             size_t K, float *p)
{
	uint32_t run[8][DEPTH];
	struct fl_gemm at = { .b = (const float *)(const void *)run, .ldb = DEPTH, .tb = 1 };
	size_t side = width % 8 ? 4 : 8;

	for (size_t j = 0; j < n; j += side) {
		at.N = least(side, g->N - j0 - j);
		for (size_t k = 0, m; k < K; k += m) {
			m = least(DEPTH, K - k);
			for (size_t i = 0; i < at.N; i++)
				pair_run(g->b + (j0 + j + i) * g->ldb + 2 * (k0 + k),
				         least(2 * m, g->K - 2 * (k0 + k)), run[i]);
			pack_side(&at, 0, 0, m, width, p + (j / width * K + k) * width + j % width, side);
		}
	}
}

void fl_pack_pairs(const struct fl_gemm *g, size_t width, size_t j0, size_t n, size_t k0, size_t K,
                   float *p)
{
	if (g->tb)
		pairs_by_columns(g, width, j0, n, k0, K, p);
	else
		pairs_straight(g, width, j0, n, k0, K, (uint32_t *)(void *)p);
}
