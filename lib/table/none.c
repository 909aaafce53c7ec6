/* No correction: each test stands alone. */
#include "table/sample.h"

static void adjust(const void *p, const double *ascending, size_t m, double *out)
{
	(void)p;
	for (size_t i = 0; i < m; i++)
		out[i] = ascending[i];
}

const struct fl_correction fl_correction_none = {
	.e = {
		.name = "none",
		.title = "no correction",
		.cite = "-",
		.doc = "of a single comparison, or to be corrected elsewhere",
		.formula = "p' = p",
	},
	.adjust = adjust,
};
