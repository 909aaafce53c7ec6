/* Fixed bins: cutting values into slices, adding, merging, rounding once. */
#include "kernel/bins.h"

#include <math.h>
#include <string.h>

#include "kernel/isa.h"

/* s + ROUND - ROUND is s rounded to an integer, |s| < 2^51, ties to even; and
 * the bits of s + ROUND less those of ROUND are that integer. */
#define ROUND 0x1.8p52
#define ROUND_BITS INT64_C(0x4338000000000000)
#define STEP 0x1p40			/* 2^FL_BINS_WIDTH */

_Static_assert(FL_BINS_WIDTH == 40 && FL_BINS == 3, "the loops below are written out");

__extension__ typedef __int128 i128;

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

void fl_bins_raise(struct fl_bins *b, int top)
{
	int up = top - b->top;

	if (up <= 0)
		return;
	for (int i = FL_BINS - 1; i >= 0; i--) {
		int64_t *to = b->bin + (size_t)i * b->n;

		if (i >= up)
			memcpy(to, b->bin + (size_t)(i - up) * b->n, b->n * sizeof *to);
		else
			memset(to, 0, b->n * sizeof *to);
	}
	b->top = top;
}

/* Scaled so that the highest bin counts ones: scaling by a power of two and
 * the remainders are exact (what underflows lies far below the lowest bin). */
FL_BODY void add_body(int64_t *restrict b0, int64_t *restrict b1, int64_t *restrict b2,
                      const float *restrict x, size_t n, double w, double unit)
{
	for (size_t i = 0; i < n; i++) {
		double s = w * (double)x[i] * unit, t;
		int64_t q;

		t = s + ROUND;
		memcpy(&q, &t, sizeof q);
		b0[i] += q - ROUND_BITS;
		s = (s - (t - ROUND)) * STEP;
		t = s + ROUND;
		memcpy(&q, &t, sizeof q);
		b1[i] += q - ROUND_BITS;
		s = (s - (t - ROUND)) * STEP;
		t = s + ROUND;
		memcpy(&q, &t, sizeof q);
		b2[i] += q - ROUND_BITS;
	}
}

static void add(int64_t *b0, int64_t *b1, int64_t *b2, const float *x, size_t n, double w,
                double unit);
FL_ISA_FN(add, (int64_t *b0, int64_t *b1, int64_t *b2, const float *x, size_t n, double w, double unit),
          (b0, b1, b2, x, n, w, unit))

void fl_bins_add(struct fl_bins *b, double w, const float *x, size_t i0, size_t i1)
{
	int64_t *bin = b->bin + i0;

	add(bin, bin + b->n, bin + 2 * b->n, x + i0, i1 - i0, w, two_to(-exponent(b->top)));
}

void fl_bins_add1(struct fl_bins *b, size_t i, double v)
{
	double s;

	fl_bins_raise(b, fl_bins_top(fabs(v)));
	s = v * two_to(-exponent(b->top));
	for (size_t k = 0; k < FL_BINS; k++) {
		double q = (s + ROUND) - ROUND;

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
	const i128 digit = (INT64_C(1) << FL_BINS_WIDTH) - 1;
	i128 m = (i128)mid + (low >> FL_BINS_WIDTH), l = low & digit;
	i128 h = (i128)high * (digit + 1) + m, limit = (i128)1 << 86;

	if (h > -limit && h < limit)
		return (double)(h * (digit + 1) + l);
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
		int64_t low = b2[i] - c2 * (INT64_C(1) << FL_BINS_WIDTH);
		int64_t is_few = -(int64_t)((uint64_t)high + 4096 < 8192), bits, other;
		double few, many;

		mid -= c1 * (INT64_C(1) << FL_BINS_WIDTH);
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
