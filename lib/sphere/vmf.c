/* Von Mises-Fisher; the Bessel functions are lbessel.c's. */
#include "sphere/vmf.h"

#include <math.h>

#include "base/fmath.h"
#include "sphere/lbessel.h"

#define LOG_2 0x1.62e42fefa39efp-1
#define LOG_PI 0x1.250d048e7a1bdp+0
#define NEWTON_MAX 30		/* 3 to 6 steps are usual */

/* Everything about log C_d at kappa; NaN when out of range. */
static struct fl_lbessel at(double kappa, size_t d)
{
	struct fl_lbessel b;

	fl_lbessel(.5 * (double)d - 1, kappa, &b);	/* order -1, -1/2 for d < 2: NaN */
	return b;
}

double fl_sphere_logc0(size_t d)
{
	double h = .5 * (double)d;

	return d < 2 ? NAN : fl_lgamma(h) - LOG_2 - h * LOG_PI;
}

double fl_vmf_logc(double kappa, size_t d)
{
	return fl_sphere_logc0(d) - at(kappa, d).log;
}

double fl_vmf_logc_diff(double kappa, size_t d)
{
	return -at(kappa, d).log;
}

double fl_vmf_logc_d1(double kappa, size_t d)
{
	return -at(kappa, d).ratio;
}

double fl_vmf_logc_d2(double kappa, size_t d)
{
	return -at(kappa, d).slope;
}

double fl_vmf_mean(double kappa, size_t d)
{
	return at(kappa, d).ratio;
}

/* Newton on A or, near 1, on 1 - A. A is concave, so that a step from above the
 * solution may end below 0: at most halved instead. */
double fl_vmf_kappa(double r, size_t d)
{
	double n = (double)d, rest = 1 - r, kappa;

	if (!(r >= 0 && r <= 1) || d < 2)
		return NAN;
	if (r == 0 || r == 1)
		return r ? INFINITY : 0;
	kappa = r * (n - r * r) / (rest * (1 + r));
	for (int i = 0; i < NEWTON_MAX; i++) {
		struct fl_lbessel b = at(kappa, d);
		double off = r < .5 ? b.ratio - r : rest - b.corest;
		double next = fmax(kappa - off / b.slope, kappa / 2);
		int done = fabs(next - kappa) <= 0x1p-50 * kappa;

		kappa = next;
		if (done)
			break;
	}
	return kappa;
}

double fl_vmf_entropy(double kappa, size_t d)
{
	return -fl_sphere_logc0(d) - at(kappa, d).legendre;
}

/* kappa c - log = gap - kappa (1-c), which does not cancel where the mass is. */
double fl_vmf_logp(double c, double kappa, size_t d)
{
	if (!(fabs(c) <= 1))
		return NAN;
	return fl_sphere_logc0(d) + (at(kappa, d).gap - kappa * (1 - c));
}

double fl_vmf_kl_uniform(double kappa, size_t d)
{
	return at(kappa, d).legendre;
}

/* log2 - log1 + A1 (kappa1 - kappa2 c); for large kappa with kappa - gap for log, so
 * that kappa itself drops out. */
double fl_vmf_kl(double kappa1, double kappa2, double c, size_t d)
{
	struct fl_lbessel p = at(kappa1, d), q = at(kappa2, d);
	double more = kappa2 - kappa1, kl;

	if (!(fabs(c) <= 1))
		return NAN;
	if (fmax(kappa1, kappa2) < (double)d)
		kl = (q.log - p.log) - p.ratio * more;
	else
		kl = more * p.corest + (p.gap - q.gap);
	kl += kappa2 * p.ratio * (1 - c);
	return kl < 0 ? 0 : kl;		/* rounding, at equal distributions */
}

static int in_range(double kappa, size_t d)
{
	return d >= 2 && kappa >= 0 && kappa <= 1e100;
}

double fl_vmf_approx(double kappa, size_t d)
{
	double a = .5 * ((double)d - 1), b = a + 1, u, t;

	if (!in_range(kappa, d))
		return NAN;
	u = sqrt(a * a + kappa * kappa);
	t = sqrt(b * b + kappa * kappa);
	return .5 * (a * (fl_log(a + u) + fl_log(a + t)) - (u + t));
}

/* u - a = kappa^2 / (u+a); (a+u) / 2a = 1 + (u-a) / 2a; so for t and b. */
static void approx(double kappa, double a, double *diff, double *d1)
{
	double b = a + 1, u = sqrt(a * a + kappa * kappa), t = sqrt(b * b + kappa * kappa);
	double fu = kappa / (a + u), ft = kappa / (a + t);

	if (d1)
		*d1 = -.5 * (fu + ft);
	if (diff) {
		double du = kappa * fu, dt = kappa * (kappa / (b + t));

		*diff = .5 * (a * (fl_log1p(du / (2 * a)) + fl_log1p(dt / (a + b))) - (du + dt));
	}
}

double fl_vmf_approx_diff(double kappa, size_t d)
{
	double y = NAN;

	if (in_range(kappa, d))
		approx(kappa, .5 * ((double)d - 1), &y, NULL);
	return y;
}

double fl_vmf_approx_d1(double kappa, size_t d)
{
	double y = NAN;

	if (in_range(kappa, d))
		approx(kappa, .5 * ((double)d - 1), NULL, &y);
	return y;
}

void fl_vmf_approx_array(const double *kappa, double *diff, double *d1, size_t d, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double k = in_range(kappa[i], d) ? kappa[i] : NAN;

		approx(k, .5 * ((double)d - 1), diff ? diff + i : NULL, d1 ? d1 + i : NULL);
	}
}

void fl_vmf_logc_array(const double *kappa, double *diff, double *d1, size_t d, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct fl_lbessel b = at(kappa[i], d);

		if (diff)
			diff[i] = -b.log;
		if (d1)
			d1[i] = -b.ratio;
	}
}

/* The envelope's cosine (1-(1+b)z) / (1-(1-b)z), z ~ Beta(m/2, m/2), m = d-1, has
 * 1-c = 2bz/q, 1+c = 2(1-z)/q, q = 1-z+bz. Wood's test kappa c + m log(1-x0 c) -
 * kappa x0 - m log(1-x0^2) >= log(uniform), x0 = (1-b)/(1+b), in the same terms. */
double fl_vmf_sample_cos(struct fl_rng *r, double kappa, size_t d, double *sin2)
{
	double m = (double)d - 1, b = m / (2 * kappa + sqrt(4 * kappa * kappa + m * m));

	for (;;) {
		double odds = fl_exp(fl_rng_log_gamma(r, m / 2) - fl_rng_log_gamma(r, m / 2));
		double z = odds / (1 + odds), rest = 1 / (1 + odds), q = rest + b * z;
		double over = kappa * (2 * b * (rest - z) / ((1 + b) * q)) +
		              m * fl_log((1 + b) / (2 * q));

		if (over < fl_log(fl_rng_open(r)))
			continue;
		if (sin2)
			*sin2 = 4 * b * z * rest / (q * q);
		return z < rest ? 1 - 2 * b * z / q : 2 * rest / q - 1;
	}
}

void fl_sphere_tangent(struct fl_rng *r, const double *mu, double c, double s, double *x, size_t d)
{
	double along, square;

	do {
		along = square = 0;
		for (size_t i = 0; i < d; i++) {
			x[i] = fl_rng_normal(r);
			along += x[i] * mu[i];
		}
		for (size_t i = 0; i < d; i++) {
			x[i] -= along * mu[i];
			square += x[i] * x[i];
		}
	} while (square == 0);
	for (size_t i = 0; i < d; i++)
		x[i] = c * mu[i] + s / sqrt(square) * x[i];
}

void fl_vmf_sample(struct fl_rng *r, const double *mu, double kappa, double *x, size_t d)
{
	double sin2, c = fl_vmf_sample_cos(r, kappa, d, &sin2);

	fl_sphere_tangent(r, mu, c, sqrt(sin2), x, d);
}

void fl_vmf_product(double a, const double *b, const float *c, double *out, size_t n, size_t d)
{
	for (size_t i = 0; i < n; i++) {
		double r = a * a + b[i] * b[i] + 2 * a * b[i] * (double)c[i];

		out[i] = r > 0 ? sqrt(r) : 0;	/* c may be rounded beyond -1 */
	}
	fl_vmf_approx_array(out, out, NULL, d, n);
	for (size_t i = 0; i < n; i++)
		out[i] = -out[i];
}
