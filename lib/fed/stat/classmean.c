/* Means of the feature vectors of each class, and how many there were. */
#include "fed/stat/rows.h"

static int end(const void *p, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e)
{
	(void)p;
	return fl_rows_end(c, out, e);
}

const struct fl_stat fl_stat_classmean = {
	.e = {
		.name = "classmean",
		.title = "Class means, prototypes",
		.cite = "Tan et al., AAAI 2022, arXiv 2105.00243 (prototypes)",
		.doc = "mean feature vector of each class, with counts",
		.params = fl_rows_table,
		.psize = sizeof(struct fl_rows_params),
		.formula = "mean_c = 1/n_c sum of f(x) over y = c",
	},
	.tap = fl_rows_tap,
	.begin = fl_rows_features_begin,
	.batch = fl_rows_features,
	.end = end,
	.pool = fl_rows_pool_by,
};
