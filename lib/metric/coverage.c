/* Coverage of conformal prediction: what the sets of classes hold that the model's layer
 * `conformal` makes. */
#include "metric/sets.h"

static double model(const struct fl_net *net, const fl_real *w, const float *z, const int32_t *y,
                    size_t first, size_t B)
{
	struct fl_sets t;
	double sum = 0;

	if (fl_sets_init(&t, net, w))
		return NAN;
	for (size_t b = 0; b < B; b++) {
		fl_sets_score(&t, z + b * net->classes, first + b);
		sum += t.score[y[b]] <= t.q;
	}
	fl_sets_release(&t);
	return sum;
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
	.fits = fl_sets_fit,
	.model = model,
};
