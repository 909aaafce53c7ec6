/* Coverage of conformal prediction: what the sets of classes hold that the model's layer
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
		c->sum += t->score[b->y[i]] <= t->q;
	}
	return 0;
}

const struct fl_metric fl_metric_coverage = {
	.e = {
		.name = "coverage",
		.title = "Coverage",
		.cite = "fl-metrics(5); Vovk, Gammerman and Shafer 2005",
		.doc = "share of examples whose conformal set of classes holds their own",
		.formula = "(1/n) sum_i [score_i,y_i <= quantile]",
	},
	.higher_is_better = 1,
	.needs = FL_METRIC_LOGITS,
	.begin = fl_sets_begin,
	.batch = batch,
};
