/* The permutation test of paired differences: if neither were better, each difference could
 * as well have the other sign. All signs for few differences, drawn ones for many. */
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "table/sample.h"

struct params {
	int64_t n, exact;
};

/* Sums as large as the observed one, up to rounding, count as large. */
static int is_extreme(double sum, double observed)
{
	return fabs(sum) >= fabs(observed) * (1 - 1e-12);
}

/* Over the 2^n signs; each sum is formed anew, so that roundings do not add
 * up. */
static double count_all(const double *d, size_t n, double observed)
{
	uint64_t all = UINT64_C(1) << (n - 1), extreme = 0;	/* the last sign is +, by symmetry */

	for (uint64_t signs = 0; signs < all; signs++) {
		double sum = 0;

		for (size_t i = 0; i < n; i++)
			sum += signs >> i & 1 ? -d[i] : d[i];
		extreme += is_extreme(sum, observed);
	}
	return (double)extreme / (double)all;
}

/* The observed signs are one of the draws. */
static double count_drawn(const struct fl_values *d, double observed, size_t draws)
{
	size_t extreme = 1;

	for (size_t b = 0; b < draws; b++) {
		struct fl_rng rng;
		uint64_t bits = 0;
		double sum = 0;

		fl_rng_init(&rng, d->seed, 0, 1, FL_RNG_BOOTSTRAP, b);
		for (size_t i = 0; i < d->n; i++) {
			bits = i % 64 ? bits >> 1 : fl_rng_u64(&rng);
			sum += bits & 1 ? -d->v[i] : d->v[i];
		}
		extreme += is_extreme(sum, observed);
	}
	return (double)extreme / (double)(draws + 1);
}

static int find_probability(const void *vp, const struct fl_values *d, double *out,
                            struct fl_err *e)
{
	const struct params *p = vp;
	double observed = 0;

	(void)e;
	for (size_t i = 0; i < d->n; i++)
		observed += d->v[i];
	*out = !d->n ? NAN : (int64_t)d->n <= p->exact ? count_all(d->v, d->n, observed) :
	       count_drawn(d, observed, (size_t)p->n);
	return 0;
}

static const struct fl_param params[] = {
	{ "n", FL_P_INT, offsetof(struct params, n), "99999", 99, 1e8, NULL, "n",
	  "signs drawn where there are too many to try all" },
	{ "exact", FL_P_INT, offsetof(struct params, exact), "16", 0, 24, NULL, "n",
	  "try all signs for up to so many differences" },
	{ .name = NULL }
};

const struct fl_test fl_test_signflip = {
	.e = {
		.name = "signflip",
		.title = "paired permutation test",
		.cite = "Fisher, The Design of Experiments, 1935; Phipson and Smyth, SAGMB 9 (2010)",
		.doc = "of differences by their signs, whatever their distribution",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "p = share of signs s in {-1,1}^n with |sum s d| >= |sum d|; of n drawn ones, "
		           "(1 + how many)/(1 + n)",
		.note = "Below 6 differences p is never under 0.05.",
	},
	.probability = find_probability,
};
