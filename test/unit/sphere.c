/* von Mises-Fisher and Power Spherical against mpmath and numpy
 * (test/golden/sphere/make.py), identities, and samplers by goodness of fit. */
#include "base/fmath.h"
#include "sphere/lbessel.h"
#include "sphere/ps.h"
#include "sphere/vmf.h"
#include "tap.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

enum {
	LOGC, DIFF, MEAN, SLOPE, ENTROPY, KL, LOG_I, APPROX, APPROX_DIFF, APPROX_D1,
	PS_LOGC, PS_DIFF, PS_D1, PS_ENTROPY, PS_KL, COLUMNS
};

static const struct { size_t d; double kappa, want[COLUMNS]; } points[] = {
#include "golden/sphere/point.inc"
};

/* What a column's error is measured against: its value, or max(value, floor). */
static const struct { const char *name; double floor, tolerance; } column[COLUMNS] = {
	{ "vmf logc", 1, 1e-13 }, { "vmf logc - logc0", 0, 1e-14 }, { "vmf mean", 0, 1e-14 },
	{ "vmf mean'", 0, 1e-12 }, { "vmf entropy", 1, 1e-13 }, { "vmf KL to uniform", 0, 1e-14 },
	{ "log I_v", 1, 1e-14 }, { "approximation", 1, 1e-14 },
	{ "approximation - at 0", 0, 1e-14 }, { "approximation'", 0, 1e-14 },
	{ "ps logc", 1, 1e-13 }, { "ps logc - logc0", 0, 1e-14 }, { "ps logc'", 0, 1e-14 },
	{ "ps entropy", 1, 1e-13 }, { "ps KL to uniform", 0, 1e-13 }
};

static void evaluate(double k, size_t d, double y[COLUMNS])
{
	y[LOGC] = fl_vmf_logc(k, d);
	y[DIFF] = fl_vmf_logc_diff(k, d);
	y[MEAN] = fl_vmf_mean(k, d);
	y[SLOPE] = -fl_vmf_logc_d2(k, d);
	y[ENTROPY] = fl_vmf_entropy(k, d);
	y[KL] = fl_vmf_kl_uniform(k, d);
	y[LOG_I] = fl_lbessel_i(.5 * (double)d - 1, k);
	y[APPROX] = fl_vmf_approx(k, d);
	y[APPROX_DIFF] = fl_vmf_approx_diff(k, d);
	y[APPROX_D1] = fl_vmf_approx_d1(k, d);
	y[PS_LOGC] = fl_ps_logc(k, d);
	y[PS_DIFF] = fl_ps_logc_diff(k, d);
	y[PS_D1] = fl_ps_logc_d1(k, d);
	y[PS_ENTROPY] = fl_ps_entropy(k, d);
	y[PS_KL] = fl_ps_kl_uniform(k, d);
}

/* |got - want| / max(floor, |want|); 0 where both are 0 or the same infinity. */
static double error(double got, double want, double floor)
{
	return got == want ? 0 : fabs(got - want) / fmax(floor, fabs(want));
}

/* Keeps the largest in *worst (NaN counts as infinite); 1 when it changed. */
static int worse(double *worst, double e)
{
	if (e <= *worst)
		return 0;
	*worst = e >= 0 ? e : INFINITY;
	return 1;
}

static void grid(void)
{
	double worst[COLUMNS] = { 0 };
	size_t at[COLUMNS] = { 0 };

	for (size_t i = 0; i < LEN(points); i++) {
		double y[COLUMNS];

		evaluate(points[i].kappa, points[i].d, y);
		for (int c = 0; c < COLUMNS; c++)
			if (worse(&worst[c], error(y[c], points[i].want[c],
			                           c == PS_D1 ? 1 / (double)points[i].d : column[c].floor)))
				at[c] = i;
	}
	is_int(LEN(points), 15 * 24, "points of the grid");
	for (int c = 0; c < COLUMNS; c++)
		ok(worst[c] < column[c].tolerance, "%s: worst error %.2g at d = %zu, kappa = %g", column[c].name,
		   worst[c], points[at[c]].d, points[at[c]].kappa);
}

static const struct { size_t d; double k1, k2, c, want[4]; } pairs[] = {
#include "golden/sphere/kl.inc"
};

/* Sums of terms as large as the dimension: relative to max(1, d, |value|). */
static void divergences(void)
{
	static const char *const what[] = { "KL(vmf, vmf)", "KL(ps, vmf)", "vmf logp", "ps logp" };
	double worst[4] = { 0 };
	size_t at[4] = { 0 };

	for (size_t i = 0; i < LEN(pairs); i++) {
		size_t d = pairs[i].d;
		double k1 = pairs[i].k1, k2 = pairs[i].k2, c = pairs[i].c, y[4] = {
			fl_vmf_kl(k1, k2, c, d), fl_ps_kl_vmf(k1, k2, c, d),
			fl_vmf_logp(c, k1, d), fl_ps_logp(c, k1, d)
		};

		for (int j = 0; j < 4; j++)
			if (worse(&worst[j], error(y[j], pairs[i].want[j], (double)d)))
				at[j] = i;
	}
	for (int j = 0; j < 4; j++)
		ok(worst[j] < 1e-13, "%s: worst error %.2g at d = %zu, %g, %g, %g", what[j], worst[j],
		   pairs[at[j]].d, pairs[at[j]].k1, pairs[at[j]].k2, pairs[at[j]].c);
	ok(fl_vmf_kl(700, 700, 1, 512) == 0 && fl_vmf_kl(123.4, 123.5, 1, 64) > 0,
	   "KL is 0 between equal distributions alone");
}

static const struct { size_t d; double r, kappa; } inverse[] = {
#include "golden/sphere/inverse.inc"
};

static void estimate(void)
{
	double worst = 0;
	size_t at = 0;

	for (size_t i = 0; i < LEN(inverse); i++)
		if (worse(&worst, error(fl_vmf_kappa(inverse[i].r, inverse[i].d), inverse[i].kappa, 0)))
			at = i;
	ok(worst < 1e-12, "kappa of a mean resultant: worst error %.2g at d = %zu, r = %.17g",
	   worst, inverse[at].d, inverse[at].r);
	ok(fl_vmf_kappa(0, 3) == 0 && isinf(fl_vmf_kappa(1, 3)) && isnan(fl_vmf_kappa(1.01, 3)) &&
	   isnan(fl_vmf_kappa(-.1, 3)) && isnan(fl_vmf_kappa(NAN, 3)), "kappa at the ends");
	ok(fl_vmf_kappa(1 - 0x1p-53, 4096) > 1e18 && fl_vmf_kappa(0x1p-1000, 2) > 0,
	   "kappa next to the ends");
}

static const struct { double x, h, want[5]; } gammas[] = {
#include "golden/sphere/gamma.inc"
};

static void gamma_functions(void)
{
	static const char *const what[] = {
		"lgamma_diff", "digamma_diff", "trigamma", "stirling", "stirling_diff"
	};
	double worst[5] = { 0 };

	for (size_t i = 0; i < LEN(gammas); i++) {
		double x = gammas[i].x, h = gammas[i].h, *w = worst;
		const double *want = gammas[i].want;

		worse(w++, error(fl_lgamma_diff(x, h), want[0], 1));
		worse(w++, error(fl_digamma_diff(x, h), want[1], 0));
		worse(w++, error(fl_trigamma(x), want[2], 0));
		if (x < 8)
			continue;
		worse(w++, error(fl_stirling(x), want[3], 0));
		worse(w++, error(fl_stirling_diff(x, h), want[4], 0));
	}
	for (int j = 0; j < 5; j++)
		ok(worst[j] < 3e-14, "%s: worst error %.2g", what[j], worst[j]);
}

/* d = 3: C = kappa / (4 pi sinh kappa), A = coth kappa - 1/kappa. */
static void three_dimensions(void)
{
	static const double kappa[] = { .5, 1, 3, 20, 29, 31, 100, 700, 1e5 };
	double worst = 0;

	for (size_t i = 0; i < LEN(kappa); i++) {
		double k = kappa[i], e = exp(-2 * k);
		double logc = log(k) - log(2 * acos(-1)) - k - log1p(-e);

		worse(&worst, error(fl_vmf_logc(k, 3), logc, 1));
		worse(&worst, error(fl_vmf_mean(k, 3), (1 + e) / (1 - e) - 1 / k, 0));
	}
	ok(worst < 2e-14, "d = 3 has a closed form: worst error %.2g", worst);
}

/* Integral over the sphere by Simpson's rule in the angle. */
static double mass(double (*logp)(double, double, size_t), double kappa, size_t d)
{
	const int n = 20000;
	double pi = acos(-1), sum = 0;

	for (int i = 1; i < n; i++) {
		double t = pi * i / n;

		sum += (i % 2 ? 4 : 2) * exp(logp(cos(t), kappa, d) + ((double)d - 2) * log(sin(t)) -
		                             fl_sphere_logc0(d - 1));
	}
	return sum * pi / n / 3;
}

static void identities(void)
{
	double far[3], gap = 0;

	for (size_t d = 3; d <= 768; d += 255) {
		is_near(mass(fl_vmf_logp, 20, d), 1, 1e-10, "vmf: the density integrates to 1");
		is_near(mass(fl_ps_logp, 20, d), 1, 1e-10, "ps: the density integrates to 1");
	}
	is_near(fl_ps_mean(10000, 16), .99850225, 1e-8, "PS(2 kappa) has vMF(kappa)'s resultant: ps");
	is_near(fl_vmf_mean(5000, 16), .99850098, 1e-8, "PS(2 kappa) has vMF(kappa)'s resultant: vmf");
	for (int i = 0; i < 3; i++)
		far[i] = fl_ps_kl_vmf(2 * pow(10, 3 + i), pow(10, 3 + i), 1, 16);
	ok(far[0] > 50 * far[1] && far[1] > 50 * far[2] && far[2] > 0 && far[0] < 1e-3,
	   "PS(2 kappa) tends to vMF(kappa): KL %.3g %.3g %.3g", far[0], far[1], far[2]);
	for (size_t d = 512; d <= 1024; d += 256)
		for (double k = 1e-3; k < 1e5; k *= 2)
			gap = fmax(gap, fl_vmf_logc_diff(k, d) - fl_vmf_approx_diff(k, d));
	ok(gap > .09 && gap < .0966, "the approximation is off by at most .0966 nats: %.4f", gap);
	is_near(fl_vmf_approx(0, 512) - fl_vmf_logc(0, 512), 469.674082837, 1e-12,
	        "the approximation's constant at d = 512");
	is_near(-fl_vmf_logc_diff(1000, 512) / 1000, .54025892, 1e-8, "break-even cosine");
}

/* Differences of the tables' functions at random-looking kappa, where no table is. */
static void derivatives(void)
{
	double worst = 0;

	for (double k = .05; k < 3e4; k *= 1.37) {
		for (size_t d = 2; d <= 4096; d = d * 3 - 1) {
			double h = 1e-4 * k, p = k + h, m = k - h;

			worse(&worst, error((fl_vmf_logc_diff(p, d) - fl_vmf_logc_diff(m, d)) / (p - m),
			                    fl_vmf_logc_d1(k, d), 0));
			worse(&worst, error((fl_vmf_logc_d1(p, d) - fl_vmf_logc_d1(m, d)) / (p - m),
			                    fl_vmf_logc_d2(k, d), 0));
			worse(&worst, error((fl_vmf_approx_diff(p, d) - fl_vmf_approx_diff(m, d)) / (p - m),
			                    fl_vmf_approx_d1(k, d), 0));
			worse(&worst, error((fl_ps_logc_diff(p, d) - fl_ps_logc_diff(m, d)) / (p - m),
			                    fl_ps_logc_d1(k, d), 1 / (double)d));
		}
	}
	ok(worst < 1e-7, "derivatives agree with differences: %.2g", worst);
}

/* No jump where one route takes over from the other. */
static void seams(void)
{
	double worst = 0;

	for (size_t d = 2; d <= 4096; d++) {
		double v = .5 * (double)d - 1, edge[2] = { 2 * sqrt(v + 1), sqrt(fmax(0, 900 - v * v)) };

		for (int i = 0; i < 2; i++) {
			double a = edge[i] * (1 - 1e-13), b = edge[i] * (1 + 1e-13);

			worse(&worst, error(fl_vmf_logc_diff(a, d), fl_vmf_logc_diff(b, d), 0));
			worse(&worst, error(fl_vmf_mean(a, d), fl_vmf_mean(b, d), 0));
			worse(&worst, error(fl_vmf_kl_uniform(a, d), fl_vmf_kl_uniform(b, d), 0));
		}
	}
	ok(worst < 2e-12, "the routes meet: largest jump %.2g", worst);
}

static void arrays(void)
{
	static const double k[] = { 0, 1e-8, .3, 5, 200, 1e6, -1, NAN, INFINITY };
	double y[9], y1[9], z[9], z1[9];
	int wrong = 0;

	fl_vmf_approx_array(k, y, y1, 512, 9);
	fl_vmf_approx_array(k, z, NULL, 512, 9);
	fl_vmf_approx_array(k, NULL, z1, 512, 9);
	wrong += !!memcmp(y, z, sizeof y) + !!memcmp(y1, z1, sizeof y1);
	for (int i = 0; i < 6; i++)
		wrong += y[i] != fl_vmf_approx_diff(k[i], 512) || y1[i] != fl_vmf_approx_d1(k[i], 512);
	for (int i = 6; i < 9; i++)
		wrong += !isnan(y[i]) || !isnan(y1[i]);
	fl_vmf_logc_array(k, y, y1, 512, 9);
	fl_ps_logc_array(k, z, z1, 512, 9);
	for (int i = 0; i < 6; i++)
		wrong += y[i] != fl_vmf_logc_diff(k[i], 512) || y1[i] != fl_vmf_logc_d1(k[i], 512) ||
		         z[i] != fl_ps_logc_diff(k[i], 512) || z1[i] != fl_ps_logc_d1(k[i], 512);
	for (int i = 6; i < 9; i++)
		wrong += !isnan(y[i]) || !isnan(y1[i]) || !isnan(z[i]) || !isnan(z1[i]);
	is_int(wrong, 0, "array functions that differ from the scalar ones");
}

static void refused(void)
{
	double y[COLUMNS];
	int numbers = 0;

	for (int i = 0; i < 4; i++) {
		evaluate(i == 0 ? -1 : i == 1 ? NAN : i == 2 ? INFINITY : 1, i == 3 ? 1 : 3, y);
		for (int c = 0; c < COLUMNS; c++)	/* order -1/2 of log I_v is out of range too */
			numbers += !isnan(y[c]);
	}
	numbers += !isnan(fl_vmf_logp(1.1, 1, 3)) + !isnan(fl_ps_logp(-1.1, 1, 3)) +
	           !isnan(fl_vmf_kl(1, 1, NAN, 3)) + !isnan(fl_ps_kl_vmf(1, -1, 0, 3)) +
	           !isnan(fl_vmf_kappa(.5, 1));
	is_int(numbers, 0, "numbers for arguments out of range");
}

#define BINS 20
#define DRAWS 50000
#define CHI2_19 50.80		/* 1e-4 quantile of chi-square with 19 degrees of freedom */

enum { VMF, PS };

static const struct { size_t d; double kappa; int law; double edge[BINS - 1]; } laws[] = {
#include "golden/sphere/quantile.inc"
};

/* Chi-square of DRAWS cosines, 1 - c over the bins of law i. */
static double misfit(size_t i, double kappa)
{
	struct fl_rng r;
	double count[BINS] = { 0 }, chi = 0;

	fl_rng_init(&r, 1, 0, i, FL_RNG_DATA, 0);
	for (int n = 0; n < DRAWS; n++) {
		double c = laws[i].law == VMF ? fl_vmf_sample_cos(&r, kappa, laws[i].d, NULL) :
		           fl_ps_sample_cos(&r, kappa, laws[i].d, NULL);
		int k = 0;

		while (k < BINS - 1 && 1 - c > laws[i].edge[k])
			k++;
		count[k]++;
	}
	for (int k = 0; k < BINS; k++)
		chi += (count[k] - DRAWS / BINS) * (count[k] - DRAWS / BINS) / (DRAWS / BINS);
	return chi;
}

static void cosines(void)
{
	for (size_t i = 0; i < LEN(laws); i++) {
		double chi = misfit(i, laws[i].kappa);

		ok(chi < CHI2_19, "%s: cosines at d = %zu, kappa = %g: chi-square %.2f",
		   laws[i].law == VMF ? "vmf" : "ps", laws[i].d, laws[i].kappa, chi);
		if (laws[i].kappa >= 100)
			ok(misfit(i, 1.1 * laws[i].kappa) > 2 * CHI2_19, "and not at 1.1 kappa");
	}
}

/* One coordinate orthogonal to the mean has mean 0 and variance (1 - E c^2) / (d-1);
 * E c = A and E c^2 = 1 - (d-1) A / kappa. */
static void vectors(void)
{
	const size_t d = 5;
	const double mu[5] = { .5, -.5, .5, -.5, 0 }, other[5] = { .5, .5, 0, 0, sqrt(.5) };
	const double kappa = 3, mean = fl_vmf_mean(kappa, d), var = mean / kappa;
	double along = 0, across = 0, square = 0, off = 0, x[5], y[5];
	struct fl_rng r, again;

	fl_rng_init(&r, 2, 0, 0, FL_RNG_DATA, 0);
	again = r;
	for (int n = 0; n < DRAWS; n++) {
		double c = 0, s = 0, norm = 0;

		fl_vmf_sample(&r, mu, kappa, x, d);
		for (size_t i = 0; i < d; i++) {
			c += x[i] * mu[i];
			s += x[i] * other[i];
			norm += x[i] * x[i];
		}
		along += c / DRAWS;
		across += s / DRAWS;
		square += s * s / DRAWS;
		off = fmax(off, fabs(norm - 1));
	}
	ok(off < 1e-14, "draws are unit vectors: %.2g", off);
	is_near(along, mean, 5 * sqrt(1. / DRAWS), "mean along the mean direction");
	is_near(across, 0, 5 * sqrt(var / DRAWS), "mean across it");
	/* c^2's spread adds to the Gaussian-like sqrt(2/n): well below 5 in all */
	is_near(square, var, 5 * var * sqrt(2. / DRAWS), "variance across it");
	fl_vmf_sample(&again, mu, kappa, x, d);
	fl_rng_init(&r, 2, 0, 0, FL_RNG_DATA, 0);
	fl_vmf_sample(&r, mu, kappa, y, d);
	ok(!memcmp(x, y, sizeof x), "equal names of the generator give equal draws");
	fl_ps_sample(&r, mu, 1e6, x, d);
	along = 0;
	for (size_t i = 0; i < d; i++)
		along += x[i] * mu[i];
	ok(along > 1 - 1e-4 && along <= 1 + 1e-15, "ps: draws at large kappa lie at the mean direction");
}

int main(void)
{
	grid();
	divergences();
	estimate();
	gamma_functions();
	three_dimensions();
	identities();
	derivatives();
	seams();
	arrays();
	refused();
	cosines();
	vectors();
	return tap_done();
}
