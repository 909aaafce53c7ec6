/* Brier score: the squared distance of the class probabilities from the truth. */
#include <math.h>

#include "metric/calibration.h"
#include "metric/metric.h"

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	double sum = 0;

	(void)p;
	(void)e;
	for (size_t i = 0; i < b->B; i++) {
		const float *z = b->z + i * c->C;
		struct fl_forecast f = { .brier = NAN };

		if (fl_argmax(z, c->C) < c->C)
			fl_forecast(z, c->C, (size_t)b->y[i], 1, &f);
		sum += f.brier;
	}
	c->sum += sum;
	return 0;
}

const struct fl_metric fl_metric_brier = {
	.e = {
		.name = "brier",
		.title = "Brier score",
		.cite = "Brier, Monthly Weather Review 78, 1950",
		.doc = "squared distance of the class probabilities from the truth, over classes",
		.params = fl_metric_tap,
		.psize = sizeof(struct fl_tapped),
		.formula = "(1/n) sum_i sum_c ( softmax(z_i)_c - [c = y_i] )^2",
	},
	.needs = FL_METRIC_LOGITS,
	.tap = fl_tapped_name,
	.batch = batch,
};
