/* Set size of conformal prediction: what the sets of classes hold that the model's layer
 * `conformal` makes. */
#include "metric/sets.h"

static double model(const struct fl_net *net, const fl_real *w, const float *z, const int32_t *y,
                    size_t first, size_t B)
{
	struct fl_sets t;
	double sum = 0;

	(void)y;
	if (fl_sets_init(&t, net, w))
		return NAN;
	for (size_t b = 0; b < B; b++) {
		fl_sets_score(&t, z + b * net->classes, first + b);
		for (size_t c = 0; c < net->classes; c++)
			sum += t.score[c] <= t.q;
	}
	fl_sets_release(&t);
	return sum;
}

const struct fl_metric fl_metric_setsize = {
	.e = {
		.name = "setsize",
		.title = "Set size",
		.cite = "fl-metrics(5); Vovk, Gammerman and Shafer 2005",
		.doc = "mean number of classes in a conformal set",
		.formula = "(1/n) sum_i |{c: score_ic <= quantile}|",
	},
	.fits = fl_sets_fit,
	.model = model,
};
