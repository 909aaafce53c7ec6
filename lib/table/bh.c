/* Benjamini and Hochberg's step-up procedure. */
#include "table/sample.h"

static void adjust(const void *p, const double *ascending, size_t m, double *out)
{
	double least = 1;

	(void)p;
	for (size_t i = m; i-- > 0;) {
		double x = ascending[i] * (double)m / (double)(i + 1);

		least = x < least ? x : least;
		out[i] = least;
	}
}

const struct fl_correction fl_correction_bh = {
	.e = {
		.name = "bh",
		.title = "Benjamini-Hochberg",
		.cite = "Benjamini and Hochberg, JRSS B 57 (1995)",
		.doc = "bounds the expected share of false differences",
		.formula = "p'_(i) = min over j >= i of min(1, m p_(j)/j), p_(1) <= ... <= p_(m)",
	},
	.adjust = adjust,
};
