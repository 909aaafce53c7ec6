/* Trimmed mean of each coordinate.
 * Yin et al., "Byzantine-robust distributed learning: towards optimal
 * statistical rates", ICML 2018, option II: the floor(beta K) smallest and
 * largest values are left out, the rest is averaged. */
#include "base/num.h"
#include "fed/agg/agg.h"
#include "kernel/select.h"

/* Below one half, so that something is left whatever K is. */
#define BETA_MAX 0.499999

struct params {
	double beta;
};

static const struct fl_param table[] = {
	{ "beta", FL_P_REAL, offsetof(struct params, beta), "0.1", 0, BETA_MAX, NULL, "fraction",
	  "share of clients left out at either end" },
	{ 0 }
};

static void column(const void *pp, float *v, size_t K, size_t n, float *out)
{
	const struct params *p = pp;

	fl_trimmed_columns(v, K, n, fl_num_part(p->beta, K), out);
}

const struct fl_rule fl_rule_trimmean = {
	.e = {
		.name = "trimmean",
		.title = "coordinate-wise trimmed mean",
		.cite = "Yin et al., ICML 2018, arXiv 1803.01498",
		.doc = "mean of each coordinate without its extremes, clients equal",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u[i] = mean of u_k[i] without the floor(beta K) smallest and largest",
	},
	.column = column,
};
