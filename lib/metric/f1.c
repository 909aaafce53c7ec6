/* Macro-F1: every class counts alike, however many examples it has. */
#include "metric/metric.h"

static double counts(const void *p, const uint64_t *n, size_t C)
{
	double sum = 0;
	size_t present = 0;

	(void)p;
	for (size_t c = 0; c < C; c++) {
		struct fl_class k = fl_confusion_class(n, C, c);

		if (k.n + k.taken) {
			sum += k.f1;
			present++;
		}
	}
	return sum / (double)present;
}

const struct fl_metric fl_metric_f1 = {
	.e = {
		.name = "f1",
		.title = "Macro-F1",
		.cite = "fl-metrics(5); scikit-learn's f1_score with average='macro'",
		.doc = "mean over classes of F1, the harmonic mean of precision and recall",
		.params = fl_metric_tap,
		.psize = sizeof(struct fl_tapped),
		.formula = "mean over classes with examples or predictions of 2 hits_c / (n_c + taken_c)",
	},
	.higher_is_better = 1,
	.counts = counts,
};
