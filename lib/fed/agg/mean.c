/* Weighted mean of updates: FedAvg's aggregation.
 * McMahan et al., "Communication-efficient learning of deep networks from
 * decentralized data", AISTATS 2017: u = sum n_k u_k / sum n_k. */
#include <math.h>

#include "fed/agg/agg.h"

enum weight { EXAMPLES, UNIFORM };

struct params {
	int weight;
	double denominator;
};

static const char *const weights[] = { "examples", "uniform", NULL };

static const struct fl_param table[] = {
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0, weights, "kind",
	  "what an update counts: its training examples, or one" },
	{ "denominator", FL_P_REAL, offsetof(struct params, denominator), NULL, 1e-300, 1e300, NULL,
	  "sum", "fixed number in place of the sum of weights" },
	{ 0 }
};

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;

	(void)e;
	out->w = p->weight == UNIFORM ? 1 : (double)in->u->examples;
	out->s[0] = out->w;
	return 0;
}

static int finish(const void *pp, const double s[FL_FOLD_SCALARS], double *scale, struct fl_err *e)
{
	const struct params *p = pp;

	(void)e;
	*scale = 1 / (isnan(p->denominator) ? s[0] : p->denominator);
	return 0;
}

const struct fl_rule fl_rule_mean = {
	.e = {
		.name = "mean",
		.aka = "fedavg",
		.title = "FedAvg",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629",
		.doc = "weighted mean of the updates",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum_k n_k u_k / sum_k n_k",
	},
	.fold = { .mean = 1, .fold = fold, .finish = finish },
};
