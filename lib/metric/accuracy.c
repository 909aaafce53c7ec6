/* Accuracy: the share of examples whose label has the largest logit. */
#include "metric/metric.h"

static double batch(const void *p, const float *z, const float *lse, const int32_t *y, size_t B,
                    size_t C)
{
	size_t hits = 0;

	(void)p;
	(void)lse;
	for (size_t i = 0; i < B; i++)
		hits += fl_argmax(z + i * C, C) == (size_t)y[i];
	return (double)hits;
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
	.batch = batch,
};
