/* Fixed bins: cutting values into slices, adding, merging, rounding once. */
#include "kernel/bins.h"

#include <math.h>
#include <string.h>

#include <immintrin.h>
#include "kernel/isa.h"
#include "kernel/vmath.h"

/* s + ROUND0 - ROUND0 is s rounded to an integer, |s| < 2^51, ties to even; and
 * the bits of s + ROUND0 less those of ROUND0 are that integer. ROUND1 and ROUND2
 * do the same for multiples of 2^-40 and 2^-80. */
#define ROUND0 0x1.8p52
#define ROUND1 0x1.8p12
#define ROUND2 0x1.8p-28
#define STEP 0x1p40			/* 2^FL_BINS_WIDTH */
_Static_assert(FL_BINS_WIDTH == 40 && FL_BINS == 3, "the loops below are written out");

__extension__ typedef __int128 i128;

/* Coordinates of an accumulator, and what makes their highest bin count ones. */
struct stretch {
	int64_t *b0, *b1, *b2;	/* (n) */
	size_t n;
	double unit;
};

static int exponent(int bin)
{
	return FL_BINS_WIDTH * bin + FL_BINS_LOW;
}

/* 2^e, e in [-1022, 1023]. */
static double two_to(int e)
{
	uint64_t bits = (uint64_t)(1023 + e) << 52;
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

int fl_bins_top(double max)
{
	int top = FL_BINS - 1;

	while (top < FL_BINS_TOP && max > two_to(exponent(top) + FL_BINS_WIDTH - 1))
		top++;
	return top;
}

/* Shifts the bins of [i0,i1) by up > 0, dropping the lowest. */
static void shift(struct fl_bins *b, int up, size_t i0, size_t i1)
{
	for (int i = FL_BINS - 1; i >= 0; i--) {
		int64_t *to = b->bin + (size_t)i * b->n + i0;

		if (i >= up)
			memcpy(to, b->bin + (size_t)(i - up) * b->n + i0, (i1 - i0) * sizeof *to);
		else
			memset(to, 0, (i1 - i0) * sizeof *to);
	}
}

void fl_bins_raise(struct fl_bins *b, int top)
{
	if (top <= b->top)
		return;
	shift(b, top - b->top, 0, b->n);
	b->top = top;
}

FL_BODY int64_t bits_of(double v)
{
	int64_t q;

	memcpy(&q, &v, sizeof q);
	return q;
}

/* Where the highest bin counts ones, the others count 2^-40 and 2^-80: adding 2^52
 * of a unit rounds to it, and all remainders are exact. */
FL_BODY void cut(double r, int64_t *b0, int64_t *b1, int64_t *b2)
{
	double p = r + ROUND0;

	*b0 += bits_of(p) - bits_of(ROUND0);
	r -= p - ROUND0;
	p = r + ROUND1;
	*b1 += bits_of(p) - bits_of(ROUND1);
	r -= p - ROUND1;
	p = r + ROUND2;
	*b2 += bits_of(p) - bits_of(ROUND2);
}

static void add_each(const struct stretch *s, const struct fl_bins_term *t, size_t nt, size_t i)
{
	for (; i < s->n; i++)
		for (size_t k = 0; k < nt; k++)
			cut(t[k].w * (double)t[k].x[i] * s->unit, &s->b0[i], &s->b1[i], &s->b2[i]);
}

/* A product of floats has 48 digits: exact. */
FL_BODY double weighed(const float *restrict m, const float *restrict x, size_t i)
{
	return (double)m[i] * (double)x[i];
}

FL_BODY void add_weighed_body(int64_t *restrict b0, int64_t *restrict b1, int64_t *restrict b2,
                              const float *restrict m, const float *restrict x, double w,
                              double unit, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cut(w * weighed(m, x, i) * unit, &b0[i], &b1[i], &b2[i]);
}

static void add_weighed(int64_t *b0, int64_t *b1, int64_t *b2, const float *m, const float *x,
                        double w, double unit, size_t n);
FL_ISA_FN(add_weighed, (int64_t *b0, int64_t *b1, int64_t *b2, const float *m, const float *x, double w, double unit, size_t n),
          (b0, b1, b2, m, x, w, unit, n))

#define BINS(name) name##_base
#define TARGET
#define WIDE 2
#define FMA(a, b, c) ((a) * (b) + (c))
#define WIDEN(x) __builtin_convertvector(x, BINS(vec))
#include "kernel/bins_rows.inc"
#define BINS(name) name##_avx2
#define TARGET FL_TARGET_AVX2
#define WIDE 4
#define FMA(a, b, c) (BINS(vec))_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c))
#define WIDEN(x) (BINS(vec))_mm256_cvtps_pd((__m128)(x))
#include "kernel/bins_rows.inc"
#define BINS(name) name##_avx512
#define TARGET FL_TARGET_AVX512
#define WIDE 8
#define FMA(a, b, c) (BINS(vec))_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
#define WIDEN(x) (BINS(vec))_mm512_cvtps_pd((__m256)(x))
#include "kernel/bins_rows.inc"

/* Terms without m. */
static void add_plain(const struct stretch *s, const struct fl_bins_term *t, size_t nt)
{
	size_t done = 0;

	switch (fl_isa()) {
	case FL_ISA_AVX512: done = rows_avx512(s, t, nt); break;
	case FL_ISA_AVX2: done = rows_avx2(s, t, nt); break;
	case FL_ISA_SSE2: done = rows_base(s, t, nt); break;
	case FL_ISA_REF: break;
	}
	add_each(s, t, nt, done);
}

static void add_rows(struct fl_bins *b, int top, const struct fl_bins_term *t, size_t nt, size_t i0,
                     size_t i1)
{
	struct stretch s = { b->bin + i0, b->bin + b->n + i0, b->bin + 2 * b->n + i0, i1 - i0,
	                     two_to(-exponent(top)) };
	size_t k = 0, n;

	while (k < nt) {
		for (n = 0; k + n < nt && !t[k + n].m; n++)
			;
		if (n)
			add_plain(&s, t + k, n);
		k += n;
		if (k < nt)
			add_weighed(s.b0, s.b1, s.b2, t[k].m, t[k].x, t[k].w, s.unit, s.n);
		k += k < nt;
	}
}

void fl_bins_add(struct fl_bins *b, double w, const float *x, size_t i0, size_t i1)
{
	add_rows(b, b->top, &(struct fl_bins_term){ x + i0, w, NULL }, 1, i0, i1);
}

static void raise_stretch(struct fl_bins *b, int *top, int to, size_t i0, size_t i1)
{
	if (to <= *top)
		return;
	shift(b, *top ? to - *top : FL_BINS, i0, i1);
	*top = to;
}

void fl_bins_settle(struct fl_bins *b, int *top, size_t i0, size_t i1)
{
	raise_stretch(b, top, b->top, i0, i1);
}

FL_BODY void most_weighed_body(const float *restrict m, const float *restrict x, size_t n,
                               double *restrict most)
{
	double max = 0;

	for (size_t i = 0; i < n; i++) {
		double v = fabs(weighed(m, x, i));

		max = v > max ? v : max;
	}
	*most = max;
}

static void most_weighed(const float *m, const float *x, size_t n, double *most);
FL_ISA_FN(most_weighed, (const float *m, const float *x, size_t n, double *most), (m, x, n, most))

/* The largest |w m x|, or infinity. */
static double largest(const struct fl_bins_term *t, size_t n)
{
	float max;
	double most;

	if (!fl_vfinite(t->x, n, &max) || (t->m && !fl_vfinite(t->m, n, &max)))
		return INFINITY;
	if (!t->m)
		return fabs(t->w) * (double)max;
	most_weighed(t->m, t->x, n, &most);
	return fabs(t->w) * most;
}

size_t fl_bins_sum(struct fl_bins *b, int *top, const struct fl_bins_term *t, size_t nt,
                   size_t i0, size_t i1)
{
	double most = 0;

	for (size_t k = 0; k < nt; k++) {
		double max = largest(&t[k], i1 - i0);

		if (!isfinite(max))
			return k;
		most = max > most ? max : most;
	}
	if (nt) {
		raise_stretch(b, top, fl_bins_top(most), i0, i1);
		add_rows(b, *top, t, nt, i0, i1);
	}
	return nt;
}

void fl_bins_add1(struct fl_bins *b, size_t i, double v)
{
	double s;

	fl_bins_raise(b, fl_bins_top(fabs(v)));
	s = v * two_to(-exponent(b->top));
	for (size_t k = 0; k < FL_BINS; k++) {
		double q = (s + ROUND0) - ROUND0;

		b->bin[k * b->n + i] += (int64_t)q;
		s = (s - q) * STEP;
	}
}

void fl_bins_merge(struct fl_bins *a, const struct fl_bins *b)
{
	size_t down;

	fl_bins_raise(a, b->top);
	down = (size_t)(a->top - b->top);
	for (size_t k = down; k < FL_BINS; k++)
		for (size_t i = 0; i < a->n; i++)
			a->bin[k * a->n + i] += b->bin[(k - down) * a->n + i];
}

/* (high 2^80 + mid 2^40 + low), rounded once. Carries first make mid and low
 * digits in [0, 2^40). Where high leaves no room for low in 128 bits, low is
 * far below the last bit of a double and only says which way a tie goes. */
static double round_once(int64_t high, int64_t mid, int64_t low)
{
	const i128 mask = (INT64_C(1) << FL_BINS_WIDTH) - 1;
	i128 m = (i128)mid + (low >> FL_BINS_WIDTH), l = low & mask;
	i128 h = (i128)high * (mask + 1) + m, limit = (i128)1 << 86;

	if (h > -limit && h < limit)
		return (double)(h * (mask + 1) + l);
	return (double)(h | (l != 0)) * STEP;
}

/* a + b rounded to odd, |a| >= |b| or a = 0: where inexact, the neighbour whose
 * last bit is set, so that a later rounding sees that something was lost. */
FL_BODY double add_odd(double a, double b)
{
	double s = a + b, lost = b - (s - a);
	int64_t bits, even, toward;

	memcpy(&bits, &s, sizeof bits);
	even = (int64_t)(lost != 0) & ~bits;		/* 1: to be moved */
	toward = (int64_t)(lost > 0) ^ (int64_t)(s > 0);	/* 0: away from zero */
	bits += even - 2 * (even & toward);
	memcpy(&s, &bits, sizeof s);
	return s;
}

#define HALF_DIGIT_BIT (FL_BINS_WIDTH - 1)

/* (value >> WIDTH), rounded to nearest: the carry that leaves a digit in
 * [-2^39, 2^39). */
FL_BODY int64_t carry(int64_t v)
{
	return (v >> FL_BINS_WIDTH) + (v >> HALF_DIGIT_BIT & 1);
}

/* What the carry leaves of v; 2^WIDTH times the carry of a full bin is 2^63. */
FL_BODY int64_t digit(int64_t v, int64_t taken)
{
	return (int64_t)((uint64_t)v - ((uint64_t)taken << FL_BINS_WIDTH));
}

/* round_once() on many, in doubles. With digits in [-2^39, 2^39): a small high
 * digit joins the middle one, and one addition rounds once; beside a high digit
 * of 2^12 and more the two others stand so low that they may be rounded to odd
 * first. Returns 0 where some |high| >= 2^53 has no exact double. */
FL_BODY void values_body(const int64_t *restrict b0, const int64_t *restrict b1,
                         const int64_t *restrict b2, double *restrict out, size_t n, double unit,
                         int64_t *restrict wide)
{
	int64_t over = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t c2 = carry(b2[i]), mid = b1[i] + c2, c1 = carry(mid), high = b0[i] + c1;
		int64_t low = digit(b2[i], c2);
		int64_t is_few = -(int64_t)((uint64_t)high + 4096 < 8192), bits, other;
		double few, many;

		mid = digit(mid, c1);
		few = ((double)high * STEP + (double)mid) * STEP + (double)low;
		many = (double)high * (STEP * STEP) + add_odd((double)mid * STEP, (double)low);
		memcpy(&bits, &few, sizeof bits);	/* chosen by bits: no branch */
		memcpy(&other, &many, sizeof other);
		bits = (bits & is_few) | (other & ~is_few);
		memcpy(&few, &bits, sizeof few);
		out[i] = few * unit;
		over |= (high ^ high >> 63) >> 53;
	}
	*wide = over;
}

static void values(const int64_t *b0, const int64_t *b1, const int64_t *b2, double *out, size_t n,
                   double unit, int64_t *wide);
FL_ISA_FN(values, (const int64_t *b0, const int64_t *b1, const int64_t *b2, double *out, size_t n, double unit, int64_t *wide),
          (b0, b1, b2, out, n, unit, wide))

void fl_bins_value(const struct fl_bins *b, double *out, size_t i0, size_t i1)
{
	double unit = two_to(exponent(b->top - FL_BINS + 1));
	const int64_t *bin = b->bin + i0;
	int64_t wide;

	values(bin, bin + b->n, bin + 2 * b->n, out, i1 - i0, unit, &wide);
	for (size_t i = i0; wide && i < i1; i++)
		out[i - i0] = round_once(b->bin[i], b->bin[b->n + i], b->bin[2 * b->n + i]) * unit;
}
