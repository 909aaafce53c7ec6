/* Means of the logits of each class, and how many there were. */
#include "fed/stat/rows.h"

static int begin(const void *p, struct fl_stat_ctx *c, struct fl_err *e)
{
	return fl_rows_begin(c, fl_rows_tap(p) ? c->d : c->C, e);
}

static int batch(const void *p, struct fl_stat_ctx *c, const float *f, const float *z,
                 const int32_t *y, size_t B, struct fl_err *e)
{
	(void)e;
	fl_rows_add(c, fl_rows_tap(p) ? f : z, y, B);
	return 0;
}

static int end(const void *p, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e)
{
	(void)p;
	return fl_rows_end(c, out, e);
}

const struct fl_stat fl_stat_classlogit = {
	.e = {
		.name = "classlogit",
		.title = "Class logits",
		.cite = "Jeong et al., 2018, arXiv 1811.11479 (federated distillation)",
		.doc = "mean logits of each class, with counts",
		.params = fl_rows_table,
		.psize = sizeof(struct fl_rows_params),
		.formula = "mean_c = 1/n_c sum of z(x) over y = c",
	},
	.tap = fl_rows_tap,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = fl_rows_pool_by,
};
