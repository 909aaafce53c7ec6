/* Elementary functions in double from + - * / sqrt and fma alone.
 *
 * Exponentials: x = k ln 2 + r, |r| <= ln(2)/2, Taylor series in r. Logarithms:
 * x = 2^k m, m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m-1)/(m+1)) by its
 * series. The series are long enough that what is cut off is below 2^-57. */
#include "base/fmath.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LN2_HI 0x1.62e42feep-1		/* 32 bits: k * LN2_HI is exact */
#define LN2_LO 0x1.a39ef35793c76p-33
#define LOG2E 0x1.71547652b82fep+0
#define TWO_PI_HI 0x1.921fb54442d18p+2
#define TWO_PI_LO 0x1.1a62633145c07p-52
#define TWO_BY_SQRT_PI 0x1.20dd750429b6dp+0
#define HALF_LOG_2PI 0x1.d67f1c864beb5p-1
#define EXP_MAX 0x1.62e42fefa39efp+9	/* 709.78: above, e^x overflows */
#define EXP_MIN (-745.2)		/* below, e^x rounds to 0 */
#define ROUND 0x1.8p52			/* x + ROUND - ROUND: nearest integer, |x| < 2^51 */

#define LEN(a) (sizeof(a) / sizeof(a)[0])

/* c[0] + c[1] x + c[2] x^2 + ... */
static inline double poly(const double *c, size_t n, double x)
{
	double y = c[n - 1];

	for (size_t i = n - 1; i-- > 0;)
		y = y * x + c[i];
	return y;
}

static inline double nearest(double x)
{
	return (x + ROUND) - ROUND;
}

/* y * 2^k, rounded once; y in [1/2, 4]. */
static double scale(double y, int k)
{
	uint64_t bits;
	double two_k, rest = 1;

	if (k > 1023) {
		y *= 2;
		k--;
	} else if (k < -1021) {
		rest = 0x1p-60;
		k += 60;
	}
	bits = (uint64_t)(1023 + k) << 52;
	memcpy(&two_k, &bits, sizeof two_k);
	return y * two_k * rest;
}

/* x = k ln 2 + *r + *low; returns k. */
static int reduce(double x, double *r, double *low)
{
	double k = nearest(x * LOG2E);
	double hi = x - k * LN2_HI, lo = k * LN2_LO;

	*r = hi - lo;
	*low = (hi - *r) - lo;
	return (int)k;
}

/* e^r - 1 - r, |r| <= 0.35. */
static inline double exp_tail(double r)
{
	static const double c[] = {
		1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320,
		1. / 362880, 1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800
	};

	return r * r * poly(c, LEN(c), r);
}

/* e^(x + e) for a correction |e| < 2^-40. */
static double exp_sum(double x, double e)
{
	double r, low, tail;
	int k;

	if (x > EXP_MAX + 1)
		return INFINITY;
	if (x < EXP_MIN)
		return 0;
	k = reduce(x, &r, &low);
	tail = exp_tail(r);
	return scale(1 + (r + (tail + (low + e) * (1 + (r + tail)))), k);
}

double fl_exp(double x)
{
	if (isnan(x))
		return x;
	return x > EXP_MAX ? INFINITY : exp_sum(x, 0);
}

double fl_expm1(double x)
{
	double r, low, p, t, s;
	int k;

	if (isnan(x) || fabs(x) < 0x1p-54)	/* keeps -0 */
		return x;
	if (x > EXP_MAX)
		return INFINITY;
	if (x < -40)				/* -1 + e^-40 rounds to -1 */
		return -1;
	k = reduce(x, &r, &low);
	p = exp_tail(r) + low;
	if (!k)
		return r + p;
	if (k == 1024)
		return scale(1 + (r + p), k);
	t = scale(1, k);
	s = (t - 1) + t * r;
	return s + ((t * r - (s - (t - 1))) + t * p);
}

/* x = 2^k m, m in [sqrt(1/2), sqrt(2)); x > 0 and finite. Returns m. */
static double split(double x, int *k)
{
	uint64_t bits;
	double m;

	*k = 0;
	if (x < 0x1p-1022) {
		x *= 0x1p54;
		*k = -54;
	}
	memcpy(&bits, &x, sizeof bits);
	*k += (int)(bits >> 52) - 1023;
	bits = (bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000);
	memcpy(&m, &bits, sizeof m);
	if (m > 0x1.6a09e667f3bcdp+0) {		/* sqrt(2) */
		m *= .5;
		++*k;
	}
	return m;
}

/* The series of 2 atanh(s) / s: 2 + 2 z / 3 + 2 z^2 / 5 + ..., z = s^2 <= 0.0295. */
static const double atanh_c[] = {
	2., 2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13, 2. / 15, 2. / 17, 2. / 19, 2. / 21
};

/* k ln 2 + log(1 + f) + c for a small correction c. With s = f / (2 + f),
 * 2 s = f - s f and s f = f^2/2 - s f^2/2, which puts the rounding errors in
 * the small terms. */
static double log_sum(double f, int k, double c)
{
	double s = f / (2 + f), z = s * s, h = .5 * f * f;
	double r = z * poly(atanh_c + 1, LEN(atanh_c) - 1, z);

	return k * LN2_HI - ((h - (s * (h + r) + (k * LN2_LO + c))) - f);
}

double fl_log(double x)
{
	double m;
	int k;

	if (x < 0)
		return NAN;
	if (x == 0)
		return -INFINITY;
	if (!(x < INFINITY))
		return x;
	m = split(x, &k);
	return log_sum(m - 1, k, 0);
}

double fl_log1p(double x)
{
	double u, m, c;
	int k;

	if (x < -1)
		return NAN;
	if (x == -1)
		return -INFINITY;
	if (!(x < INFINITY) || fabs(x) < 0x1p-54)
		return x;
	if (x > -.29 && x < .41)
		return log_sum(x, 0, 0);
	u = 1 + x;
	c = x > 1 ? 1 - (u - x) : x - (u - 1);	/* what u lost */
	m = split(u, &k);
	return log_sum(m - 1, k, c / u);
}

/* log x = return value + *low to about 2^-64 of itself; x > 0 and finite. The
 * first two terms of the atanh series are carried in pairs of doubles. */
static double log_pair(double x, double *low)
{
	const double c3 = 2. / 3, c3_low = 0x1.5555555555555p-55;
	int k;
	double f = split(x, &k) - 1, d = 2 + f, d_low = f - (d - 2);
	double s = f / d, s_low = (fma(-s, d, f) - s * d_low) / d;
	double z = s * s, z_low = fma(s, s, -z) + 2 * s * s_low;
	double q = z * s, q_low = fma(z, s, -q) + (z * s_low + z_low * s);
	double t = q * c3, t_low = fma(q, c3, -t) + (q * c3_low + q_low * c3);
	double rest = q * z * poly(atanh_c + 2, LEN(atanh_c) - 2, z);
	double a = 2 * s + t, a_low = (t - (a - 2 * s)) + (2 * s_low + t_low + rest);
	double n = k * LN2_HI, h = k ? n + a : a, h_low = k ? a - (h - n) : 0;
	double l = h_low + (a_low + k * LN2_LO), y = h + l;

	*low = l - (y - h);
	return y;
}

/* 0: not an integer, 1: odd, 2: even. */
static int parity(double y)
{
	y = fabs(y);
	if (y >= 0x1p53)
		return 2;
	if (y != floor(y))
		return 0;
	return (int64_t)y & 1 ? 1 : 2;
}

/* Annex F for x = 0, x or y infinite. */
static double pow_edge(double x, double y)
{
	double ax = fabs(x);
	int odd = parity(y) == 1 && !isinf(y), grows;

	if (isinf(y)) {
		if (ax == 1)
			return 1;
		return (ax > 1) == (y > 0) ? INFINITY : 0;
	}
	grows = isinf(x) ? y > 0 : y < 0;
	return copysign(grows ? INFINITY : 0, odd && signbit(x) ? -1 : 1);
}

double fl_pow(double x, double y)
{
	double h, low, p, sign = 1;

	if (y == 0 || x == 1)
		return 1;
	if (isnan(x) || isnan(y))
		return x + y;
	if (x == 0 || isinf(x) || isinf(y))
		return pow_edge(x, y);
	if (x < 0) {
		int what = parity(y);

		if (!what)
			return NAN;
		sign = what == 1 ? -1 : 1;
	}
	h = log_pair(fabs(x), &low);
	p = y * h;
	if (p > EXP_MAX + 1)
		return sign * INFINITY;
	if (p < EXP_MIN)
		return sign * 0;
	return sign * exp_sum(p, fma(y, h, -p) + y * low);
}

double fl_tanh(double x)
{
	double a = fabs(x), t, d, y;

	if (isnan(x) || a < 0x1p-28)		/* x^3/3 is below half an ulp */
		return x;
	if (a > 22)				/* 1 - 2 e^-44 rounds to 1 */
		return copysign(1, x);
	t = fl_expm1(2 * a);
	d = t + 2;
	if (a > .6)
		return copysign(1 - 2 / d, x);
	y = t / d;
	y += (fma(-y, d, t) - y * (t - (d - 2))) / d;	/* what both roundings lost */
	return copysign(y, x);
}

/* Its series, x (1 - z/3 + z^2/10 - ...) 2/sqrt(pi) with z = x^2 < 0.57. */
static double erf_series(double x)
{
	static const double c[] = {
		1. / 1, -1. / 3, 1. / 10, -1. / 42, 1. / 216, -1. / 1320, 1. / 9360, -1. / 75600,
		1. / 685440, -1. / 6894720, 1. / 76204800, -1. / 918086400, 1. / 11975040000,
		-1. / 168129561600, 1. / 2528170444800, -1. / 40537905408000
	};

	return TWO_BY_SQRT_PI * x * poly(c, LEN(c), x * x);
}

/* e^(x^2) (1 - erf x) in u, which runs from 1 at x = 1/2 to -1 at x = 6: Chebyshev's
 * expansion (test/golden/fmath/erf.py), whose next term is below 2^-55. */
static double erfcx_core(double x)
{
	static const double c[] = {
		0x1.1c069f029f363p-2, 0x1.fd125342df3cbp-3, 0x1.3a2948797388dp-4, 0x1.b1adfbda20b41p-7,
		0x1.775fd0c98d1e2p-13, -0x1.7bf5f06231adep-12, -0x1.d270f2a03d119p-17, 0x1.f6c267881428bp-17,
		-0x1.1948cb3302ecep-22, -0x1.84a96798c10b9p-21, 0x1.b727e9d0909dbp-24, 0x1.c8fa799d74634p-26,
		-0x1.738aa6b37bbffp-27, 0x1.9b3493ebb61ebp-32, 0x1.6cc8798e9ec15p-31, -0x1.78c25c76b1012p-33,
		-0x1.14c273b46f5b7p-36, 0x1.bb28e3acb7e41p-37
	};

	return poly(c, LEN(c), (2 / (2 + x) - 0.25) * (2 / 0.55) - 1);
}

double fl_erf(double x)
{
	double a = fabs(x);

	if (isnan(x))
		return x;
	if (a < .75)
		return erf_series(x);
	return copysign(a > 6 ? 1 : 1 - fl_exp(-a * a) * erfcx_core(a), x);
}

/* Stirling's series, B_2k / (2k (2k-1)) x^(1-2k): enough from 7 on. */
static const double stirling_c[] = {
	1. / 12, -1. / 360, 1. / 1260, -1. / 1680, 1. / 1188, -691. / 360360,
	1. / 156, -3617. / 122400, 43867. / 244188
};

/* Below 7, log Gamma(x) = log Gamma(x+n) - log(x (x+1) ... (x+n-1)). */
double fl_lgamma(double x)
{
	double prod = 1, below;

	if (isnan(x) || x < 0)
		return NAN;
	if (x == 0 || isinf(x))
		return INFINITY;
	while (x < 7)
		prod *= x++;
	below = prod == 1 ? 0 : fl_log(prod);
	return (x - .5) * (fl_log(x) - 1) + (HALF_LOG_2PI - .5) +
	       poly(stirling_c, LEN(stirling_c), 1 / (x * x)) / x - below;
}

double fl_stirling(double x)
{
	return poly(stirling_c, LEN(stirling_c), 1 / (x * x)) / x;
}

/* (P(y) - P(x)) / (y - x) for P = c[0] + c[1] x + ..., without the difference. */
static inline double slope(const double *c, size_t n, double x, double y)
{
	double p = c[n - 1], s = 0;

	for (size_t i = n - 1; i-- > 0;) {
		s = s * y + p;
		p = p * x + c[i];
	}
	return s;
}

/* 1/y^2 - 1/x^2 = -h (x + y) / (x y)^2 for y = x + h. */
double fl_stirling_diff(double x, double h)
{
	double y = x + h, u = 1 / (x * y), s;

	s = slope(stirling_c, LEN(stirling_c), 1 / (x * x), 1 / (y * y));
	return -h * u * (s * (x + y) * u / y + poly(stirling_c, LEN(stirling_c), 1 / (x * x)));
}

double fl_lgamma_diff(double x, double h)
{
	double prod = 1, below;

	for (; x < 8; x++)
		prod *= 1 + h / x;
	below = prod == 1 ? 0 : fl_log(prod);
	return (x - .5) * fl_log1p(h / x) + h * (fl_log(x + h) - 1) +
	       fl_stirling_diff(x, h) - below;
}

/* psi(x) = log x - 1 / (2x) - sum B_2k / (2k) x^(-2k); psi(x) = psi(x+1) - 1/x. */
double fl_digamma_diff(double x, double h)
{
	static const double c[] = {
		0, 1. / 12, -1. / 120, 1. / 252, -1. / 240, 1. / 132, -691. / 32760,
		1. / 12, -3617. / 8160, 43867. / 14364
	};
	double below = 0, y, u, s;

	for (; x < 8; x++)
		below += 1 / (x * (x + h));
	y = x + h;
	u = 1 / (x * y);
	s = slope(c, LEN(c), 1 / (x * x), 1 / (y * y));
	return fl_log1p(h / x) + h * (below + u * (.5 + s * (x + y) * u));
}

/* psi'(x) = 1/x + 1 / (2x^2) + sum B_2k x^(-2k-1); psi'(x) = psi'(x+1) + 1/x^2. */
double fl_trigamma(double x)
{
	static const double c[] = {
		1. / 6, -1. / 30, 1. / 42, -1. / 30, 5. / 66, -691. / 2730,
		7. / 6, -3617. / 510, 43867. / 798
	};
	double below = 0, z;

	for (; x < 8; x++)
		below += 1 / (x * x);
	z = 1 / x;
	return below + z * (1 + z * (.5 + z * poly(c, LEN(c), z * z)));
}

/* sin and cos of 2 pi t, |t| <= 1/8. */
static double sin_core(double t)
{
	static const double c[] = {
		-1. / 6, 1. / 120, -1. / 5040, 1. / 362880, -1. / 39916800,
		1. / 6227020800, -1. / 1307674368000, 1. / 355687428096000
	};
	double a = t * TWO_PI_HI, z = a * a;
	double low = fma(t, TWO_PI_HI, -a) + t * TWO_PI_LO;

	return a + (a * z * poly(c, LEN(c), z) + low);
}

static double cos_core(double t)
{
	static const double c[] = {
		1. / 24, -1. / 720, 1. / 40320, -1. / 3628800, 1. / 479001600,
		-1. / 87178291200, 1. / 20922789888000
	};
	double a = t * TWO_PI_HI, z = a * a, h = .5 * z, w = 1 - h;

	return w + (((1 - w) - h) + z * z * poly(c, LEN(c), z));
}

/* x = turns + n/4 + t; returns t, exact. */
static double quarter(double x, int *n)
{
	double r = x - nearest(x), q = nearest(4 * r);

	*n = (int)q & 3;
	return r - q / 4;
}

double fl_cos2pi(double x)
{
	int n;
	double t = quarter(x, &n);

	switch (n) {
	case 0: return cos_core(t);
	case 1: return -sin_core(t);
	case 2: return -cos_core(t);
	default: return sin_core(t);
	}
}

double fl_sin2pi(double x)
{
	int n;
	double t = quarter(x, &n);

	switch (n) {
	case 0: return sin_core(t);
	case 1: return cos_core(t);
	case 2: return -sin_core(t);
	default: return -cos_core(t);
	}
}
