/* Accuracy: the share of examples whose label has the largest logit. */
#include "metric/metric.h"

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	size_t hits = 0;

	(void)p;
	(void)e;
	for (size_t i = 0; i < b->B; i++)
		hits += fl_argmax(b->z + i * c->C, c->C) == (size_t)b->y[i];
	c->sum += (double)hits;
	return 0;
}

const struct fl_metric fl_metric_accuracy = {
	.e = {
		.name = "accuracy",
		.title = "Accuracy",
		.cite = "fl-metrics(5)",
		.doc = "share of examples whose label has the largest logit",
		.params = fl_metric_tap,
		.psize = sizeof(struct fl_tapped),
		.formula = "(1/n) sum_i [ argmax_c z_ic = y_i ]",
	},
	.higher_is_better = 1,
	.needs = FL_METRIC_LOGITS,
	.tap = fl_tapped_name,
	.batch = batch,
};
