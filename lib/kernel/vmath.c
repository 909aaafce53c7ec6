/* Functions over arrays of F32. The loops are plain C that the compiler
 * vectorises for each instruction set; no step depends on the lane. The
 * polynomials are near-minimax (weighted least squares at Chebyshev nodes). */
#include "kernel/vmath.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "base/fmath.h"
#include "kernel/isa.h"

#define fma32(a, b, c) __builtin_fmaf(a, b, c)

#define LOG2E 0x1.715476p+0f
#define LN2_HI 0x1.62e4p-1f		/* 16 bits: k * LN2_HI is exact */
#define LN2_LO 0x1.7f7d1cp-20f
#define ROUND 0x1.8p23f			/* x + ROUND - ROUND: nearest integer */
#define ROUND_BITS 0x4b400000
#define EXP_LOW (-104.f)		/* below -103.98, e^x rounds to 0 */
#define EXP_HIGH 89.f			/* above 88.73, e^x overflows */
#define NORMAL_END 15.5f		/* beyond, its density is 0 */
#define SQRT_HALF_BITS 0x3f3504f3
#define MIN_NORMAL 0x1p-126f
#define ABS_BITS 0x7fffffff
#define INF_BITS 0x7f800000

#define LANES 64			/* of the sums: see vmath.h */

FL_BODY float as_float(int32_t i)
{
	float f;

	memcpy(&f, &i, sizeof f);
	return f;
}

FL_BODY int32_t as_int(float f)
{
	int32_t i;

	memcpy(&i, &f, sizeof i);
	return i;
}

/* yes where cond is 1, else no; in bits, as branches keep a loop from vectors. */
FL_BODY float pick(int cond, float yes, float no)
{
	int32_t m = -cond;

	return as_float((as_int(yes) & m) | (as_int(no) & ~m));
}

/* x = k ln 2 + r + low; 2^k by two factors, as k reaches -150 and 128. */
FL_BODY float exp_one(float x)
{
	float c = pick(x < EXP_LOW, EXP_LOW, pick(x > EXP_HIGH, EXP_HIGH, x));
	float kr = fma32(c, LOG2E, ROUND), k = kr - ROUND;
	float hi = fma32(k, -LN2_HI, c), r = fma32(k, -LN2_LO, hi);
	float low = fma32(k, -LN2_LO, hi - r), p, y;
	int32_t ki = as_int(kr) - ROUND_BITS, k1 = ki >> 1, k2 = ki - k1;

	p = 0x1.6a23bep-10f;
	p = fma32(p, r, 0x1.1239fcp-7f);
	p = fma32(p, r, 0x1.5558f2p-5f);
	p = fma32(p, r, 0x1.555492p-3f);
	p = fma32(p, r, 0x1.fffffcp-2f);
	y = r + fma32(r * r, p, low) + 1;
	y = y * as_float((int32_t)((uint32_t)(k1 + 127) << 23)) *
	    as_float((int32_t)((uint32_t)(k2 + 127) << 23));
	return pick(x != x, x, y);
}

/* x = 2^k m, m in [sqrt(1/2), sqrt(2)), f = m - 1. */
FL_BODY float log_one(float x)
{
	int tiny = x < MIN_NORMAL;
	int32_t bits = as_int(pick(tiny, x * 0x1p23f, x));
	int32_t ki = (int32_t)((uint32_t)bits - SQRT_HALF_BITS) >> 23;
	float k = (float)(ki - 23 * tiny);
	float f = as_float((int32_t)((uint32_t)bits - ((uint32_t)ki << 23))) - 1, z = f * f, p, y;

	p = 0x1.1474eap-4f;
	p = fma32(p, f, -0x1.de5862p-4f);
	p = fma32(p, f, 0x1.e6f210p-4f);
	p = fma32(p, f, -0x1.fc1cc6p-4f);
	p = fma32(p, f, 0x1.2336e6p-3f);
	p = fma32(p, f, -0x1.555c76p-3f);
	p = fma32(p, f, 0x1.99a4bep-3f);
	p = fma32(p, f, -0x1.000006p-2f);
	p = fma32(p, f, 0x1.555548p-2f);
	p = fma32(z * f, p, k * LN2_LO);
	p = fma32(-.5f, z, p);
	y = fma32(k, LN2_HI, p + f);
	y = pick(x < INFINITY, y, x);		/* inf and NaN stay */
	y = pick(x < 0, NAN, y);
	return pick(x == 0, -INFINITY, y);
}

FL_BODY float tanh_one(float x)
{
	float a = as_float(as_int(x) & ABS_BITS), z = a * a, p, small, large, y;

	p = -0x1.72278ep-8f;
	p = fma32(p, z, 0x1.51571ep-6f);
	p = fma32(p, z, -0x1.b81d9ap-5f);
	p = fma32(p, z, 0x1.110644p-3f);
	p = fma32(p, z, -0x1.55552ep-2f);
	small = fma32(z * a, p, a);
	large = 1 - 2 / (exp_one(a + a) + 1);
	y = pick(a < .625f, small, large);
	return pick(x != x, x, as_float(as_int(y) | (as_int(x) & ~ABS_BITS)));
}

/* e^(-a^2/2) with what a^2 lost, and the lower tail by it: its quotient is t times a
 * polynomial (test/golden/fmath/normal.py). */
FL_BODY void normal_one(float x, float *cdf, float *pdf)
{
	float a = as_float(as_int(x) & ABS_BITS), z, e, t, u, p;

	a = pick(a < NORMAL_END, a, NORMAL_END);
	z = a * a;
	e = exp_one(-.5f * z);
	e = fma32(-.5f * fma32(a, a, -z), e, e);
	t = 1 / fma32(a, 0x1.cccccep-2f, 1);
	u = fma32(t, 0x1.24924ap+1f, -0x1.492492p+0f);
	p = -0x1.72acfcp-17f;
	p = fma32(p, u, 0x1.747046p-17f);
	p = fma32(p, u, 0x1.20958cp-14f);
	p = fma32(p, u, -0x1.728c54p-13f);
	p = fma32(p, u, -0x1.9c0a1ap-14f);
	p = fma32(p, u, 0x1.680b0ep-10f);
	p = fma32(p, u, -0x1.950eb6p-10f);
	p = fma32(p, u, -0x1.48231ep-7f);
	p = fma32(p, u, 0x1.612cc2p-6f);
	p = fma32(p, u, 0x1.40cc54p-3f);
	p = fma32(p, u, 0x1.542b2cp-2f);
	p = e * (p * t);
	*cdf = pick(x != x, x, pick(x < 0, p, 1 - p));
	*pdf = pick(x != x, x, e * 0x1.988454p-2f);
}

FL_BODY void fl_vnormal_body(const float *restrict x, float *restrict cdf, float *restrict pdf,
                             size_t n)
{
	for (size_t i = 0; i < n; i++)
		normal_one(x[i], &cdf[i], &pdf[i]);
}

FL_BODY void fl_vexp_body(const float *x, float *y, size_t n)
{
#pragma GCC ivdep	/* y may be x, but not overlap it otherwise */
	for (size_t i = 0; i < n; i++)
		y[i] = exp_one(x[i]);
}

FL_BODY void fl_vlog_body(const float *x, float *y, size_t n)
{
#pragma GCC ivdep	/* y may be x, but not overlap it otherwise */
	for (size_t i = 0; i < n; i++)
		y[i] = log_one(x[i]);
}

FL_BODY void fl_vtanh_body(const float *x, float *y, size_t n)
{
#pragma GCC ivdep	/* y may be x, but not overlap it otherwise */
	for (size_t i = 0; i < n; i++)
		y[i] = tanh_one(x[i]);
}

FL_ISA_FN(fl_vexp, (const float *x, float *y, size_t n), (x, y, n))
FL_ISA_FN(fl_vlog, (const float *x, float *y, size_t n), (x, y, n))
FL_ISA_FN(fl_vtanh, (const float *x, float *y, size_t n), (x, y, n))
FL_ISA_FN(fl_vnormal, (const float *x, float *cdf, float *pdf, size_t n), (x, cdf, pdf, n))

static void centre_rows(const float *z, float *p, float *max, size_t B, size_t C)
{
	for (size_t b = 0; b < B; b++) {
		const float *row = z + b * C;
		float m = row[0];

		for (size_t c = 1; c < C; c++)
			m = row[c] > m ? row[c] : m;
		for (size_t c = 0; c < C; c++)
			p[b * C + c] = row[c] - m;
		if (max)
			max[b] = m;
	}
}

void fl_softmax_rows(const float *z, float *p, float *lse, size_t B, size_t C)
{
	if (!C)
		return;
	centre_rows(z, p, lse, B, C);
	fl_vexp(p, p, B * C);
	for (size_t b = 0; b < B; b++) {
		float *row = p + b * C;
		double sum = 0, inv;

		for (size_t c = 0; c < C; c++)
			sum += (double)row[c];
		inv = 1 / sum;
		for (size_t c = 0; c < C; c++)
			row[c] = (float)((double)row[c] * inv);
		if (lse)
			lse[b] = (float)((double)lse[b] + fl_log(sum));
	}
}

FL_BODY void fl_vpull_body(float a, const float *restrict x, const float *restrict from,
                           float *restrict y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += a * (x[i] - from[i]);
}

FL_BODY void fl_vblend_body(float a, const float *restrict x, float b, float *restrict y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = b * y[i] + a * x[i];
}

FL_BODY void fl_vcosine_body(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float v = x[i] > 1 ? 1 : x[i];

		x[i] = v < -1 ? -1 : v;
	}
}

FL_ISA_FN(fl_vcosine, (float *x, size_t n), (x, n))
FL_ISA_FN(fl_vpull, (float a, const float *x, const float *from, float *y, size_t n),
          (a, x, from, y, n))
FL_ISA_FN(fl_vblend, (float a, const float *x, float b, float *y, size_t n), (a, x, b, y, n))

FL_BODY double halve(double *lane)
{
	for (size_t h = LANES / 2; h > 0; h /= 2)
		for (size_t j = 0; j < h; j++)
			lane[j] += lane[j + h];
	return lane[0];
}

/* A product of two floats is exact in double, so fma or not does not matter. */
FL_BODY void dot_body(const float *x, const float *y, size_t n, double *sum)
{
	double lane[LANES] = { 0 };
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (size_t j = 0; j < LANES; j++)
			lane[j] += (double)x[i + j] * (double)y[i + j];
	for (size_t j = 0; i + j < n; j++)
		lane[j] += (double)x[i + j] * (double)y[i + j];
	*sum = halve(lane);
}

static void dot(const float *x, const float *y, size_t n, double *sum);
FL_ISA_FN(dot, (const float *x, const float *y, size_t n, double *sum), (x, y, n, sum))

double fl_vdot(const float *x, const float *y, size_t n)
{
	double sum;

	dot(x, y, n, &sum);
	return sum;
}

double fl_vsumsq(const float *x, size_t n)
{
	return fl_vdot(x, x, n);
}

/* Magnitudes of floats compare as the integers of their bits. */
FL_BODY void largest_body(const float *x, size_t n, int32_t *max)
{
	int32_t m = 0;

	for (size_t i = 0; i < n; i++) {
		int32_t a = as_int(x[i]) & ABS_BITS;

		m = a > m ? a : m;
	}
	*max = m;
}

static void largest(const float *x, size_t n, int32_t *max);
FL_ISA_FN(largest, (const float *x, size_t n, int32_t *max), (x, n, max))

int fl_vfinite(const float *x, size_t n, float *max)
{
	int32_t m;

	largest(x, n, &m);
	*max = as_float(m);
	return m < INF_BITS;
}

/* The fields of a half, shifted into place, are the value times 2^-112, also
 * where it is subnormal; infinities and NaN need the larger exponent. */
FL_BODY void fl_f16_to_f32_body(const uint16_t *x, float *y, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int32_t h = x[i], m = (h & 0x7fff) << 13;
		int32_t v = as_int(as_float(m) * 0x1p112f);

		v |= -((h & 0x7c00) == 0x7c00) & INF_BITS;
		y[i] = as_float(v | (int32_t)((uint32_t)(h & 0x8000) << 16));
	}
}

FL_BODY void fl_bf16_to_f32_body(const uint16_t *x, float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = as_float((int32_t)((uint32_t)x[i] << 16));
}

FL_ISA_FN(fl_f16_to_f32, (const uint16_t *x, float *y, size_t n), (x, y, n))
FL_ISA_FN(fl_bf16_to_f32, (const uint16_t *x, float *y, size_t n), (x, y, n))
