/* Rows of bytes as numbers, through a table of 256. */
#include "kernel/gather.h"

#include <immintrin.h>

#include "kernel/isa.h"

#define AHEAD 4u		/* rows asked for early: they lie anywhere in memory */
#define LINE 64u
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi")))

FL_BODY void ask_for(const uint8_t *x, const uint32_t *row, size_t i, size_t n, size_t d)
{
	for (size_t j = 0; i + AHEAD < n && j < d; j += LINE)
		__builtin_prefetch(x + row[i + AHEAD] * d + j);
}

static void one_by_one(const uint8_t *x, const uint32_t *row, const float table[256], float *y,
                       size_t n, size_t d)
{
	for (size_t i = 0; i < n; i++, y += d) {
		const uint8_t *from = x + row[i] * d;

		ask_for(x, row, i, n, d);
		for (size_t j = 0; j < d; j++)
			y[j] = table[from[j]];
	}
}

/* --- 64 at a time: the table in registers, a byte of the numbers after the other --- */

struct table {
	__m512i byte[4][4];	/* bytes 0 to 3 of entries 0 to 63, 64 to 127, ... */
};

/* Byte b of the 64 entries of z: every fourth byte, from pairs of registers. */
TARGET static inline __m512i plane(const __m512i z[4], int b)
{
	const __m512i fourth = _mm512_setr_epi32(
		0x0c080400, 0x1c181410, 0x2c282420, 0x3c383430, 0x4c484440, 0x5c585450, 0x6c686460,
		0x7c787470, 0x0c080400, 0x1c181410, 0x2c282420, 0x3c383430, 0x4c484440, 0x5c585450,
		0x6c686460, 0x7c787470);
	__m512i at = _mm512_add_epi8(fourth, _mm512_set1_epi8((char)b));

	return _mm512_mask_blend_epi32(0xff00, _mm512_permutex2var_epi8(z[0], at, z[1]),
	                               _mm512_permutex2var_epi8(z[2], at, z[3]));
}

TARGET static inline __attribute__((always_inline)) struct table split(const float entry[256])
{
	struct table t;

#pragma GCC unroll 4
	for (int k = 0; k < 4; k++) {
		__m512i z[4];

#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			z[i] = _mm512_loadu_si512(entry + 64 * k + 16 * i);
#pragma GCC unroll 4
		for (int b = 0; b < 4; b++)
			t.byte[b][k] = plane(z, b);
	}
	return t;
}

/* Byte b of the entries of v; bits 0 to 6 of v choose among 128. */
TARGET static inline __m512i look_up(const struct table *t, int b, __m512i v, __mmask64 upper)
{
	__m512i low = _mm512_permutex2var_epi8(t->byte[b][0], v, t->byte[b][1]);
	__m512i high = _mm512_permutex2var_epi8(t->byte[b][2], v, t->byte[b][3]);

	return _mm512_mask_blend_epi8(upper, low, high);
}

/* The first n <= 64 of them. Unpacking works within 128 bits, so that the bytes are
 * first put where it leaves their numbers in order. */
TARGET static inline __attribute__((always_inline)) void
look_up_64(const struct table *t, const uint8_t *from, float *to, size_t n)
{
	const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
	__mmask64 there = ~0ULL >> (64 - n);
	__m512i v = _mm512_permutexvar_epi32(order, _mm512_maskz_loadu_epi8(there, from));
	__mmask64 upper = _mm512_movepi8_mask(v);
	__m512i b0 = look_up(t, 0, v, upper), b1 = look_up(t, 1, v, upper);
	__m512i b2 = look_up(t, 2, v, upper), b3 = look_up(t, 3, v, upper);
	__m512i l0 = _mm512_unpacklo_epi8(b0, b1), l1 = _mm512_unpacklo_epi8(b2, b3);
	__m512i h0 = _mm512_unpackhi_epi8(b0, b1), h1 = _mm512_unpackhi_epi8(b2, b3);

	_mm512_mask_storeu_epi32(to, (__mmask16)there, _mm512_unpacklo_epi16(l0, l1));
	_mm512_mask_storeu_epi32(to + 16, (__mmask16)(there >> 16), _mm512_unpackhi_epi16(l0, l1));
	_mm512_mask_storeu_epi32(to + 32, (__mmask16)(there >> 32), _mm512_unpacklo_epi16(h0, h1));
	_mm512_mask_storeu_epi32(to + 48, (__mmask16)(there >> 48), _mm512_unpackhi_epi16(h0, h1));
}

TARGET static void by_64(const uint8_t *x, const uint32_t *row, const float table[256], float *y,
                         size_t n, size_t d)
{
	const struct table t = split(table);

	for (size_t i = 0; i < n; i++, y += d) {
		const uint8_t *from = x + row[i] * d;
		size_t j = 0;

		ask_for(x, row, i, n, d);
		for (; j + 64 <= d; j += 64)
			look_up_64(&t, from + j, y + j, 64);
		if (j < d)
			look_up_64(&t, from + j, y + j, d - j);
	}
}

void fl_gather_u8(const uint8_t *x, const uint32_t *row, const float table[256], float *y,
                  size_t n, size_t d)
{
	if (fl_isa() == FL_ISA_AVX512 && fl_isa_has(FL_AVX512_VBMI))
		by_64(x, row, table, y, n, d);
	else
		one_by_one(x, row, table, y, n, d);
}
