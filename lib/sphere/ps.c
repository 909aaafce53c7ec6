/* Power Spherical. With h = kappa/2, f = log Gamma and the duplication formula,
 *   log C(kappa) - log C(0) = f(a+h) + f(a+h+1/2) - f(a+1/2) - f(a+2h),
 * in which log 2 and pi have gone and small kappa does not cancel. */
#include "sphere/ps.h"

#include <math.h>

#include "base/fmath.h"
#include "sphere/lbessel.h"
#include "sphere/vmf.h"

#define LOG_2 0x1.62e42fefa39efp-1
#define A_STIRLING 8		/* from here Stirling's series is enough */

static double half(size_t d)
{
	return .5 * ((double)d - 1);
}

static int in_range(double kappa, size_t d)
{
	return d >= 2 && kappa >= 0 && kappa <= 1e100;
}

/* The four-point difference for a >= 8. f(x) = (x - 1/2) log x - x + S(x), S by its
 * series. The rest, taken together so that each term is of the result's order:
 * a log[(a+h)^2 / (a(a+2h))] - (2h-1/2) log[(a+2h) / (a+h)]
 * + (a+h) log[(a+h+1/2) / (a+h)] - a log[(a+1/2) / a]. */
static double diff_large(double a, double h)
{
	double r = a + h, s = a + .5;

	return a * fl_log1p(h / a * (h / (a + 2 * h))) - (2 * h - .5) * fl_log1p(h / r) +
	       h * fl_log1p(.5 / r) + a * fl_log1p(-.5 * (h / r) / s) +
	       (fl_stirling_diff(s, h) - fl_stirling_diff(r, h));
}

/* The difference at a less that at a + 1 is log of (a+1/2)(a+2h) / ((a+h)(a+h+1/2))
 * = 1 + h(1/2-h) / ((a+h)(a+h+1/2)), of the result's sign. */
static double diff(double kappa, double a)
{
	double h = .5 * kappa, product = 1, excess = 0;

	for (; a < A_STIRLING; a++) {
		double r = a + h, u = 1 / (r * (r + .5)), x = h * (.5 - h) * u;

		excess += x + excess * x;
		product *= (a + .5) * (a + kappa) * u;
	}
	return diff_large(a, h) + (h < 1 ? fl_log1p(excess) : fl_log(product));
}

/* psi(2a+kappa) = [psi(a+h) + psi(a+h+1/2)] / 2 + log 2. */
static double slope(double kappa, double a)
{
	double h = .5 * kappa, r = a + h;

	return .5 * fl_digamma_diff(r, .5) - fl_digamma_diff(r, h);
}

double fl_ps_logc_diff(double kappa, size_t d)
{
	return in_range(kappa, d) ? diff(kappa, half(d)) : NAN;
}

double fl_ps_logc(double kappa, size_t d)
{
	return fl_sphere_logc0(d) + fl_ps_logc_diff(kappa, d);
}

double fl_ps_logc_d1(double kappa, size_t d)
{
	return in_range(kappa, d) ? slope(kappa, half(d)) : NAN;
}

void fl_ps_logc_array(const double *kappa, double *y, double *d1, size_t d, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (y)
			y[i] = fl_ps_logc_diff(kappa[i], d);
		if (d1)
			d1[i] = fl_ps_logc_d1(kappa[i], d);
	}
}

double fl_ps_mean(double kappa, size_t d)
{
	return in_range(kappa, d) ? kappa / (kappa + ((double)d - 1)) : NAN;
}

/* log C(kappa) - log C(0) + kappa log 2, in a form where large kappa drops out. */
static double gap(double kappa, double a)
{
	if (kappa < 4 * a)
		return diff(kappa, a) + kappa * LOG_2;
	return fl_lgamma_diff(a + kappa, a) - fl_lgamma_diff(a, a);
}

/* diff - kappa slope for kappa <= 1/4, where the two are nearly equal: minus the
 * integral of t diff''(t), diff''(t) = psi'(2a+t) - psi'(a+t), by Gauss and
 * Legendre's 10 points: the nearest pole, t = -a, is far enough for 1e-16. */
static double kl_small(double kappa, double a)
{
	static const double node[] = {		/* on [-1,1], with their weights */
		0x1.30e507891e27ap-3, 0x1.bbcc009016adcp-2, 0x1.5bdb9228de198p-1,
		0x1.bae995e9cb2f3p-1, 0x1.f2a3e062af2d8p-1
	}, weight[] = {
		0x1.2e9de7014d6efp-2, 0x1.13baa7a559bfep-2, 0x1.c0b059d00bc31p-3,
		0x1.32138c878efe5p-3, 0x1.1115f8b62dc1fp-4
	};
	double sum = 0;

	for (int i = 0; i < 10; i++) {
		double t = .5 * kappa * (1 + (i & 1 ? node[i / 2] : -node[i / 2]));

		sum += weight[i / 2] * t * (fl_trigamma(a + t) - fl_trigamma(2 * a + t));
	}
	return .5 * kappa * sum;
}

/* KL = diff - kappa slope = gap - kappa [psi(2a+kappa) - psi(a+kappa)]. */
double fl_ps_kl_uniform(double kappa, size_t d)
{
	double a = half(d);

	if (!in_range(kappa, d))
		return NAN;
	if (kappa <= .25)
		return kl_small(kappa, a);
	if (kappa < 4 * a)
		return diff(kappa, a) - kappa * slope(kappa, a);
	return gap(kappa, a) - kappa * fl_digamma_diff(a + kappa, a);
}

double fl_ps_entropy(double kappa, size_t d)
{
	return -fl_sphere_logc0(d) - fl_ps_kl_uniform(kappa, d);
}

/* kappa log(1+c) = kappa log 2 + kappa log(1 - (1-c)/2). */
double fl_ps_logp(double c, double kappa, size_t d)
{
	if (!in_range(kappa, d) || !(fabs(c) <= 1))
		return NAN;
	if (kappa == 0)
		return fl_sphere_logc0(d);
	return fl_sphere_logc0(d) + (gap(kappa, half(d)) + kappa * fl_log1p(-.5 * (1 - c)));
}

/* Against the uniform first; then log[C(0)/C(lambda)] - lambda E c = lambda (1 - mean
 * c) - gap of vMF, large lambda taken out. */
double fl_ps_kl_vmf(double kappa, double lambda, double c, size_t d)
{
	double mean = fl_ps_mean(kappa, d), rest = ((double)d - 1) / (kappa + ((double)d - 1));
	struct fl_lbessel b;

	if (!(fabs(c) <= 1))
		return NAN;
	fl_lbessel(.5 * (double)d - 1, lambda, &b);
	return fl_ps_kl_uniform(kappa, d) + (lambda * (rest + mean * (1 - c)) - b.gap);
}

/* (1+c)/2 = 1 / (1 + odds), odds the ratio of two Gamma draws. */
double fl_ps_sample_cos(struct fl_rng *r, double kappa, size_t d, double *sin2)
{
	double a = half(d), up = fl_rng_log_gamma(r, a + kappa), down = fl_rng_log_gamma(r, a);
	double odds = fl_exp(down - up), far = odds / (1 + odds), near = 1 / (1 + odds);

	if (sin2)
		*sin2 = 4 * far * near;
	return odds < 1 ? 1 - 2 * far : 2 * near - 1;
}

void fl_ps_sample(struct fl_rng *r, const double *mu, double kappa, double *x, size_t d)
{
	double sin2, c = fl_ps_sample_cos(r, kappa, d, &sin2);

	fl_sphere_tangent(r, mu, c, sqrt(sin2), x, d);
}
