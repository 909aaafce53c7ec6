/* Macro-F1: every class counts alike, however many examples it has. */
#include "metric/metric.h"

static int end(const void *p, struct fl_metric_ctx *c, double *v, struct fl_err *e)
{
	double sum = 0;
	size_t present = 0;

	(void)p;
	(void)e;
	for (size_t i = 0; i < c->C; i++) {
		struct fl_class k = fl_confusion_class(c->counts, c->C, i);

		if (k.n + k.taken) {
			sum += k.f1;
			present++;
		}
	}
	*v = sum / (double)present;
	return 0;
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
	.needs = FL_METRIC_LOGITS | FL_METRIC_COUNTS,
	.tap = fl_tapped_name,
	.end = end,
};
