/* The loss that the architecture brings, which knows how to compute it. */
#include "metric/metric.h"

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	(void)p;
	(void)e;
	c->sum += (double)b->B * b->loss;
	return 0;
}

const struct fl_metric fl_metric_loss = {
	.e = {
		.name = "loss",
		.title = "Loss of the architecture",
		.cite = "fl-metrics(5)",
		.doc = "mean loss that training minimises, as the architecture has it",
		.params = fl_metric_tap,
		.psize = sizeof(struct fl_tapped),
		.formula = "mean over batches of 256 in stored order, by default of cross-entropy in nats",
	},
	.needs = FL_METRIC_LOSS,
	.tap = fl_tapped_name,
	.batch = batch,
};
