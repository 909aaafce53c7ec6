/* Balanced accuracy: every class counts alike, however many examples it has. */
#include "metric/metric.h"

static double counts(const void *p, const uint64_t *n, size_t C)
{
	double sum = 0;
	size_t present = 0;

	(void)p;
	for (size_t c = 0; c < C; c++) {
		struct fl_class k = fl_confusion_class(n, C, c);

		if (k.n) {
			sum += k.recall;
			present++;
		}
	}
	return sum / (double)present;
}

const struct fl_metric fl_metric_balanced = {
	.e = {
		.name = "balanced",
		.title = "Balanced accuracy",
		.cite = "fl-metrics(5); scikit-learn's balanced_accuracy_score",
		.doc = "mean over classes of the share of their examples that is recognised",
		.params = fl_metric_tap,
		.psize = sizeof(struct fl_tapped),
		.formula = "mean over classes with examples of hits_c / n_c",
	},
	.higher_is_better = 1,
	.counts = counts,
};
