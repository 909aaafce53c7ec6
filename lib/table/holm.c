/* Holm's step-down correction. */
#include "table/sample.h"

static void adjust(const void *p, const double *ascending, size_t m, double *out)
{
	double largest = 0;

	(void)p;
	for (size_t i = 0; i < m; i++) {
		double x = ascending[i] * (double)(m - i);

		largest = x > largest ? x : largest;
		out[i] = largest < 1 ? largest : 1;
	}
}

const struct fl_correction fl_correction_holm = {
	.e = {
		.name = "holm",
		.title = "Holm",
		.cite = "Holm, Scandinavian Journal of Statistics 6 (1979)",
		.doc = "bounds the chance of one false difference or more",
		.formula = "p'_(i) = max over j <= i of min(1, (m - j + 1) p_(j)), p_(1) <= ... <= p_(m)",
	},
	.adjust = adjust,
};
