/* Training examples of each class: @fact/counts I64 (classes). Examples without a label are
 * of none. */
#include "fed/client/measure.h"

static int run(const void *p, struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	struct fl_tensor *t;
	int64_t *n;

	(void)p;
	if (!l->data->y || l->net->targets)
		return fl_fail(e, FL_EDATA, "--measure counts: what this net learns are no classes");
	if (!(t = fl_fact_add(update, "counts", FL_I64, 1, &l->net->classes, e)))
		return -1;
	n = t->data;
	for (size_t i = 0; i < l->data->N; i++)
		if (l->data->y[i] >= 0)
			n[l->data->y[i]]++;
	return 0;
}

const struct fl_measure fl_measure_counts = {
	.e = {
		.name = "counts",
		.title = "@fact/counts",
		.cite = "Ye et al., ICML 2023, arXiv 2305.19229",
		.doc = "training examples of each class",
		.formula = "I64 (classes)",
	},
	.run = run,
};
