/* Median of each coordinate.
 * Yin et al., "Byzantine-robust distributed learning: towards optimal
 * statistical rates", ICML 2018, option I. */
#include "fed/agg/agg.h"
#include "kernel/select.h"

static void column(const void *p, float *v, size_t K, size_t n, float *out)
{
	(void)p;
	fl_median_columns(v, K, n, out);
}

const struct fl_rule fl_rule_median = {
	.e = {
		.name = "median",
		.title = "coordinate-wise median",
		.cite = "Yin et al., ICML 2018, arXiv 1803.01498",
		.doc = "median of each coordinate, clients equal",
		.formula = "u[i] = median_k u_k[i]; mean of the two middle values for even K",
	},
	.column = column,
};
