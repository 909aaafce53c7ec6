/* Negative log-likelihood: mean cross-entropy of the softmax, in nats, whatever the
 * model was trained for. */
#include "metric/metric.h"

static double batch(const void *p, const float *z, const float *lse, const int32_t *y, size_t B,
                    size_t C)
{
	double sum = 0;

	(void)p;
	for (size_t i = 0; i < B; i++)
		sum += (double)lse[i] - (double)z[i * C + (size_t)y[i]];
	return sum;
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
	.batch = batch,
};
