/* Bootstrap intervals of a mean: resamples of the units, drawn by their number and the seed
 * alone, so that cells with the same units are resampled alike. */
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "table/sample.h"
#include "table/student.h"

enum { PERCENTILE, BCA };
static const char *const kind_name[] = { "percentile", "bca", NULL };

struct params {
	int kind;
	int64_t n;
};

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The quantile q of sorted v(n), linear between order statistics (Hyndman and Fan's 7). */
static double find_quantile(const double *v, size_t n, double q)
{
	double at = q * (double)(n - 1), below = floor(at);
	size_t i = (size_t)below;

	if (i + 1 >= n)
		return v[n - 1];
	return v[i] + (at - below) * (v[i + 1] - v[i]);
}

/* The acceleration from the jackknife: sum u^3 / (6 (sum u^2)^(3/2)), u = mean of the
 * leave-one-out means less each. For a mean, u is in proportion to v - mean. */
static double find_acceleration(const struct fl_values *s)
{
	double cubes = 0, squares = 0;

	for (size_t i = 0; i < s->n; i++) {
		double u = (s->v[i] - s->mean) / (double)(s->n - 1);

		squares += u * u;
		cubes += u * u * u;
	}
	return squares > 0 ? cubes / (6 * squares * sqrt(squares)) : 0;
}

/* The share of resampled means below the mean, ties as half. */
static double find_bias(const double *means, size_t n, double mean)
{
	double below = 0;

	for (size_t i = 0; i < n; i++)
		below += means[i] < mean ? 1 : means[i] > mean ? 0 : .5;
	return below / (double)n;
}

static double normal_quantile(double p)
{
	if (!(p > 0 && p < 1))
		return p > 0 ? INFINITY : -INFINITY;
	return p < .5 ? -fl_normal_critical(2 * p) : p > .5 ? fl_normal_critical(2 * (1 - p)) : 0;
}

/* Where, between 0 and 1, the quantile q is to be read off. */
static double shift(double q, double z0, double a)
{
	double z = z0 + normal_quantile(q);

	return isfinite(z0) ? fl_normal_below(z0 + z / (1 - a * z)) : q;
}

static int find_ends(const void *vp, const struct fl_values *s, double *low, double *high,
                     struct fl_err *e)
{
	const struct params *p = vp;
	size_t B = (size_t)p->n;
	double *means, ql = (1 - s->level) / 2, qh = (1 + s->level) / 2;

	*low = *high = NAN;
	if (s->n < 2)
		return 0;
	if (!(means = fl_alloc(B, sizeof *means, e)))
		return -1;
	for (size_t b = 0; b < B; b++) {
		struct fl_rng rng;
		double sum = 0;

		fl_rng_init(&rng, s->seed, 0, 0, FL_RNG_BOOTSTRAP, b);
		for (size_t i = 0; i < s->n; i++)
			sum += s->v[fl_rng_below(&rng, s->n)];
		means[b] = sum / (double)s->n;
	}
	if (p->kind == BCA && s->sd > 0) {
		double z0 = normal_quantile(find_bias(means, B, s->mean)), a = find_acceleration(s);

		ql = shift(ql, z0, a);
		qh = shift(qh, z0, a);
	}
	qsort(means, B, sizeof *means, ascending);
	*low = find_quantile(means, B, ql);
	*high = find_quantile(means, B, qh);
	free(means);
	return 0;
}

static const struct fl_param params[] = {
	{ "kind", FL_P_ENUM, offsetof(struct params, kind), "percentile", 0, 0, kind_name, "kind",
	  "percentile, or bca: corrected for bias and skewness" },
	{ "n", FL_P_INT, offsetof(struct params, n), "10000", 100, 1e7, NULL, "n", "resamples" },
	{ .name = NULL }
};

const struct fl_interval fl_interval_bootstrap = {
	.e = {
		.name = "bootstrap",
		.title = "bootstrap interval",
		.cite = "Efron, JASA 82 (1987); Agarwal et al., NeurIPS 2021, arXiv 2108.13264",
		.doc = "from means of resampled units, drawn by --seed",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "quantiles (1-level)/2 and (1+level)/2 of the means of n resamples; bca: of "
		           "Phi(z0 + (z0+z)/(1 - a(z0+z))) in place of Phi(z), z0 = Phi^-1(share of means "
		           "below the mean), a = sum u^3/(6 (sum u^2)^1.5), u = (v - mean)/(n-1)",
		.note = "With five units or fewer it is too narrow; t is not.",
	},
	.ends = find_ends,
};
