/* BF16 by AVX512_BF16, 8-bit integers by AVX512_VNNI.
 *
 * The bound. With x = x' + dx, y = y' + dy (primes: as rounded, d: taken away)
 *   |x.y - x'.y'| <= |dx||y| + |x'||dy| <= ex ly + (lx + ex) ey
 * by Cauchy-Schwarz. The chain in F32 is within g lx ly of x.y and the sum in F32 of
 * the coarse products within 2 g (lx + ex)(ly + ey), g = d u/(1 - d u), u = 2^-24: each
 * of at most d additions is off by at most 2u relative (BF16's pairs are rounded, too;
 * vdpbf16ps takes subnormal numbers for 0). */
#include "kernel/coarse.h"

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernel/dots.h"
#include "kernel/isa.h"
#include "kernel/vmath.h"

#define ROWS 12		/* of a register tile; two vectors across */

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#define TARGET_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define TARGET_INT8 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define INLINE static inline __attribute__((always_inline))
#define OFFSET 128	/* makes the packed operand unsigned, as vpdpbusd wants it */

int fl_coarse_has(enum fl_coarse t)
{
	if (fl_isa() != FL_ISA_AVX512)
		return 0;
	return fl_isa_has(t == FL_COARSE_BF16 ? FL_AVX512_BF16 : FL_AVX512_VNNI);
}

enum fl_coarse fl_coarse_best(void)
{
	/* vdpbf16ps leaves less open, but does half as many products a cycle at best; Intel's
	 * is slower than products in F32. */
	return fl_coarse_has(FL_COARSE_INT8) ? FL_COARSE_INT8 : FL_NCOARSE;
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* An INT8 row ends with 32 bits: -OFFSET times the sum of its values. */
size_t fl_coarse_bytes(enum fl_coarse t, size_t d)
{
	return round_up(t == FL_COARSE_BF16 ? 2 * d : round_up(d, 4) + 4, 64);
}

size_t fl_coarse_scratch(enum fl_coarse t, size_t d)
{
	return t == FL_COARSE_BF16 ? d : 2 * d;
}

/* Steps of 32 bits: two values of BF16, four of INT8. */
static size_t steps(enum fl_coarse t, size_t d)
{
	return t == FL_COARSE_BF16 ? (d + 1) / 2 : (d + 3) / 4;
}

/* --- BF16 --- */

/* To nearest, ties to even; e = x - y, which F32 holds. */
FL_BODY void to_bf16_body(const float *x, size_t d, uint16_t *y, float *e)
{
	for (size_t k = 0; k < d; k++) {
		uint32_t u, r;
		float back;

		memcpy(&u, x + k, sizeof u);
		r = (u + 0x7fff + (u >> 16 & 1)) & 0xffff0000;
		memcpy(&back, &r, sizeof back);
		y[k] = (uint16_t)(r >> 16);
		e[k] = x[k] - back;
	}
}
static void to_bf16(const float *x, size_t d, uint16_t *y, float *e);
FL_ISA_FN(to_bf16, (const float *x, size_t d, uint16_t *y, float *e), (x, d, y, e))

static double bf16_row(const float *x, size_t d, uint16_t *y, float *e)
{
	to_bf16(x, d, y, e);
	if (d % 2)
		y[d] = 0;
	return fl_length(e, d);
}

/* --- INT8 --- */

/* The largest power of two that divides d: values are rotated in runs of so many. */
static size_t run_length(size_t d)
{
	return d & (~d + 1);
}

/* Walsh-Hadamard transform of each run, not scaled: few large values, as embeddings
 * have them, become many of middle size, which one scale fits. */
typedef float vec __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(64)));

/* A step within 16 values: each plus its partner, or taken from it. */
#define STEP(v, h) do {                                                                \
	const ivec lane = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };    \
	const ivec minus = ((lane & (h)) != 0) & INT32_MIN;                            \
	v = (vec)((ivec)(v) ^ minus) + (vec)__builtin_shuffle((ivec)(v), lane ^ (h));  \
} while (0)

FL_BODY void rotate_short(float *x, size_t d, size_t run)
{
	for (size_t h = 1; h < run; h *= 2)
		for (size_t i = 0; i < d; i += 2 * h)
			for (size_t j = i; j < i + h; j++) {
				float a = x[j], b = x[j + h];

				x[j] = a + b;
				x[j + h] = a - b;
			}
}

FL_BODY void rotate_body(float *x, size_t d, size_t run)
{
	if (run < 16) {
		rotate_short(x, d, run);
		return;
	}
	for (size_t i = 0; i < d; i += 16) {
		vec v = *(vec *)(x + i);

		STEP(v, 1);
		STEP(v, 2);
		STEP(v, 4);
		STEP(v, 8);
		*(vec *)(x + i) = v;
	}
	for (size_t h = 16; h < run; h *= 2)
		for (size_t i = 0; i < d; i += 2 * h)
			for (size_t j = i; j < i + h; j += 16) {
				vec a = *(vec *)(x + j), b = *(vec *)(x + j + h);

				*(vec *)(x + j) = a + b;
				*(vec *)(x + j + h) = a - b;
			}
}
static void rotate(float *x, size_t d, size_t run);
FL_ISA_FN(rotate, (float *x, size_t d, size_t run), (x, d, run))

/* y = x / scale to the nearest whole number; e = x - scale y; the sum of y. */
FL_BODY void to_int8_body(const float *x, size_t d, float scale, int8_t *y, float *e, int32_t *sum)
{
	float by = 1 / scale;
	int32_t s = 0;

	for (size_t k = 0; k < d; k++) {
		/* adding and taking away 1.5 2^23 rounds to nearest */
		float r = x[k] * by + 12582912.0f - 12582912.0f;

		y[k] = (int8_t)r;
		s += (int32_t)r;
		e[k] = fmaf(-scale, r, x[k]);
	}
	*sum = s;
}
static void to_int8(const float *x, size_t d, float scale, int8_t *y, float *e, int32_t *sum);
FL_ISA_FN(to_int8, (const float *x, size_t d, float scale, int8_t *y, float *e, int32_t *sum),
          (x, d, scale, y, e, sum))

static double int8_row(const float *x, size_t d, int8_t *y, float *scale, float *scratch)
{
	size_t run = run_length(d), pad = round_up(d, 4);
	float *r = scratch, *e = scratch + d, max;
	double length = 1 / sqrt((double)run);
	int32_t sum;

	memcpy(r, x, d * sizeof *r);
	rotate(r, d, run);
	fl_vfinite(r, d, &max);
	/* 2^-100: no scale is 0, nor its inverse infinite */
	*scale = fmaxf(max / 127, 0x1p-100f);
	to_int8(r, d, *scale, y, e, &sum);
	memset(y + d, 0, pad - d);
	sum *= -OFFSET;
	memcpy(y + pad, &sum, sizeof sum);
	*scale = (float)(*scale * length);
	/* rounding, and that of the rotation and the scale: at most 16 stages, each within u */
	return fl_length(e, d) * length * (1 + 1e-6) + 0x1p-18 * length * fl_length(r, d);
}

/* --- rows, strips, bounds --- */

double fl_coarse_row(enum fl_coarse t, const float *x, size_t d, void *row, float *scale,
                     float *scratch)
{
	*scale = 1;
	return t == FL_COARSE_BF16 ? bf16_row(x, d, row, scratch) : int8_row(x, d, row, scale, scratch);
}

void fl_coarse_pack(enum fl_coarse t, const void *row, size_t n, size_t d, void *packed)
{
	size_t K = steps(t, d), stride = fl_coarse_bytes(t, d), whole = round_up(n, FL_COARSE_STRIP);
	uint32_t flip = t == FL_COARSE_INT8 ? 0x80808080 : 0, *p = packed;

	for (size_t j = 0; j < whole; j++) {
		const unsigned char *from = (const unsigned char *)row + j * stride;
		uint32_t *to = p + j / FL_COARSE_STRIP * FL_COARSE_STRIP * K + j % FL_COARSE_STRIP;

		for (size_t k = 0; k < K; k++) {
			uint32_t v = 0;

			if (j < n)
				memcpy(&v, from + 4 * k, sizeof v);
			to[k * FL_COARSE_STRIP] = v ^ flip;
		}
	}
}

double fl_coarse_error(enum fl_coarse t, size_t d, double lx, double ex, double ly, double ey)
{
	double u = 0x1p-24, g = (double)d * u / (1 - (double)d * u);
	double rounding = ex * ly + (lx + ex) * ey, sums = g * lx * ly;

	sums += (t == FL_COARSE_BF16 ? 2 * g : 4 * u) * (lx + ex) * (ly + ey);
	return (rounding + sums) * (1 + 1e-6) + (double)d * 0x1p-125 * (1 + lx + ly);
}

/* --- tiles --- */

struct tile {
	const unsigned char *a;	/* rows of a, stride bytes apart */
	const float *sa, *sb;
	const uint32_t *b;	/* one strip */
	float *c;		/* or NULL */
	const float *row, *col;	/* as of struct fl_coarse_large */
	uint32_t *mask;		/* or NULL */
	size_t stride, K, ldc, ldm;
};

/* Row i of products: stored, and looked at while they are in registers. */
TARGET INLINE void put_row(const struct tile *t, size_t i, __m512 c0, __m512 c1)
{
	if (t->c) {
		_mm512_storeu_ps(t->c + i * t->ldc, c0);
		_mm512_storeu_ps(t->c + i * t->ldc + 16, c1);
	}
	if (t->mask) {
		__m512 least = _mm512_set1_ps(t->row[i]);
		uint32_t m0 = _mm512_cmp_ps_mask(c0, least, _CMP_GE_OQ);
		uint32_t m1 = _mm512_cmp_ps_mask(c1, least, _CMP_GE_OQ);

		if (t->col) {
			m0 |= _mm512_cmp_ps_mask(c0, _mm512_loadu_ps(t->col), _CMP_GE_OQ);
			m1 |= _mm512_cmp_ps_mask(c1, _mm512_loadu_ps(t->col + 16), _CMP_GE_OQ);
		}
		t->mask[i * t->ldm] = m0 | m1 << 16;
	}
}

TARGET_BF16 INLINE void bf16_tile(const struct tile *t, const size_t m)
{
	__m512 acc[ROWS][2];

#pragma GCC unroll 12
	for (size_t i = 0; i < m; i++)
		acc[i][0] = acc[i][1] = _mm512_setzero_ps();
	for (size_t k = 0; k < t->K; k++) {
		__m512bh b0 = (__m512bh)_mm512_loadu_si512(t->b + k * FL_COARSE_STRIP);
		__m512bh b1 = (__m512bh)_mm512_loadu_si512(t->b + k * FL_COARSE_STRIP + 16);

#pragma GCC unroll 12
		for (size_t i = 0; i < m; i++) {
			int32_t v;
			__m512bh a;

			memcpy(&v, t->a + i * t->stride + 4 * k, sizeof v);
			a = (__m512bh)_mm512_set1_epi32(v);
			acc[i][0] = _mm512_dpbf16_ps(acc[i][0], a, b0);
			acc[i][1] = _mm512_dpbf16_ps(acc[i][1], a, b1);
		}
	}
#pragma GCC unroll 12
	for (size_t i = 0; i < m; i++)
		put_row(t, i, acc[i][0], acc[i][1]);
}

/* acc += u8 s8 sums. gcc 12 copies and spills accumulators around the intrinsic, which
 * more than doubles the time. */
#define DPBUSD(acc, u8, s8) __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(u8), "v"(s8))

TARGET_INT8 INLINE void int8_tile(const struct tile *t, const size_t m)
{
	__m512 s0 = _mm512_loadu_ps(t->sb), s1 = _mm512_loadu_ps(t->sb + 16);
	__m512i acc[ROWS][2];

#pragma GCC unroll 12
	for (size_t i = 0; i < m; i++) {
		int32_t sum;

		memcpy(&sum, t->a + i * t->stride + 4 * t->K, sizeof sum);
		acc[i][0] = acc[i][1] = _mm512_set1_epi32(sum);
	}
	for (size_t k = 0; k < t->K; k++) {
		__m512i b0 = _mm512_loadu_si512(t->b + k * FL_COARSE_STRIP);
		__m512i b1 = _mm512_loadu_si512(t->b + k * FL_COARSE_STRIP + 16);

#pragma GCC unroll 12
		for (size_t i = 0; i < m; i++) {
			int32_t v;
			__m512i a;

			memcpy(&v, t->a + i * t->stride + 4 * k, sizeof v);
			a = _mm512_set1_epi32(v);
			DPBUSD(acc[i][0], b0, a);
			DPBUSD(acc[i][1], b1, a);
		}
	}
#pragma GCC unroll 12
	for (size_t i = 0; i < m; i++) {
		__m512 s = _mm512_set1_ps(t->sa[i]);

		put_row(t, i, _mm512_mul_ps(_mm512_mul_ps(s, s0), _mm512_cvtepi32_ps(acc[i][0])),
		        _mm512_mul_ps(_mm512_mul_ps(s, s1), _mm512_cvtepi32_ps(acc[i][1])));
	}
}

typedef void (*tile_fn)(const struct tile *t);
#define EACH_TILE(f, type, target) \
	f(1, type, target) f(2, type, target) f(3, type, target) f(4, type, target) \
	f(5, type, target) f(6, type, target) f(7, type, target) f(8, type, target) \
	f(9, type, target) f(10, type, target) f(11, type, target) f(12, type, target)
#define DEFINE(m, type, target) \
	target static void type##_tile_##m(const struct tile *t) { type##_tile(t, m); }
#define POINT(m, type, target) type##_tile_##m,

EACH_TILE(DEFINE, bf16, TARGET_BF16)
EACH_TILE(DEFINE, int8, TARGET_INT8)
static const tile_fn tiles[FL_NCOARSE][ROWS + 1] = {
	[FL_COARSE_BF16] = { NULL, EACH_TILE(POINT, bf16, ) },
	[FL_COARSE_INT8] = { NULL, EACH_TILE(POINT, int8, ) },
};

void fl_coarse_tile(enum fl_coarse t, const void *a, const float *sa, size_t m, const void *b,
                    const float *sb, size_t n, size_t d, float *c, size_t ldc,
                    const struct fl_coarse_large *large)
{
	struct tile one = {
		.stride = fl_coarse_bytes(t, d), .K = steps(t, d), .ldc = ldc, .ldm = large ? large->ld : 0
	};

	for (size_t j = 0; j < n; j += FL_COARSE_STRIP) {
		one.b = (const uint32_t *)b + j * one.K;
		one.sb = sb + j;
		for (size_t i = 0, h; i < m; i += h) {
			h = m - i < ROWS ? m - i : ROWS;
			one.a = (const unsigned char *)a + i * one.stride;
			one.sa = sa + i;
			one.c = c ? c + i * ldc + j : NULL;
			one.row = large ? large->row + i : NULL;
			one.col = large && large->col ? large->col + j : NULL;
			one.mask = large ? large->mask + i * large->ld + j / FL_COARSE_STRIP : NULL;
			tiles[t][h](&one);
		}
	}
}
