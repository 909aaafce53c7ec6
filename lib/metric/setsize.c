/* Set size of conformal prediction: what the sets of classes hold that the model's layer
 * `conformal` makes. */
#include "metric/sets.h"

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	struct fl_sets *t = c->room;

	(void)p;
	(void)e;
	for (size_t i = 0; i < b->B; i++) {
		fl_sets_score(t, b->z + i * c->C, b->first + i);
		for (size_t k = 0; k < c->C; k++)
			c->sum += t->score[k] <= t->q;
	}
	return 0;
}

const struct fl_metric fl_metric_setsize = {
	.e = {
		.name = "setsize",
		.title = "Set size",
		.cite = "fl-metrics(5); Vovk, Gammerman and Shafer 2005",
		.doc = "mean number of classes in a conformal set",
		.formula = "(1/n) sum_i |{c: score_ic <= quantile}|",
	},
	.needs = FL_METRIC_LOGITS,
	.begin = fl_sets_begin,
	.batch = batch,
};
