/* Negative log-likelihood: mean cross-entropy of the softmax, in nats, whatever the
 * model was trained for. */
#include "metric/metric.h"

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	double sum = 0;

	(void)p;
	(void)e;
	for (size_t i = 0; i < b->B; i++)
		sum += (double)b->lse[i] - (double)b->z[i * c->C + (size_t)b->y[i]];
	c->sum += sum;
	return 0;
}

const struct fl_metric fl_metric_nll = {
	.e = {
		.name = "nll",
		.title = "Negative log-likelihood",
		.cite = "fl-metrics(5)",
		.doc = "mean cross-entropy of the softmax, in nats",
		.params = fl_metric_tap,
		.psize = sizeof(struct fl_tapped),
		.formula = "(1/n) sum_i ( log sum_c exp z_ic - z_i,y_i )",
	},
	.needs = FL_METRIC_LOGITS | FL_METRIC_LSE,
	.tap = fl_tapped_name,
	.batch = batch,
};
