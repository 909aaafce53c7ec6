/* Balanced accuracy: every class counts alike, however many examples it has. */
#include "metric/metric.h"

static int end(const void *p, struct fl_metric_ctx *c, double *v, struct fl_err *e)
{
	double sum = 0;
	size_t present = 0;

	(void)p;
	(void)e;
	for (size_t i = 0; i < c->C; i++) {
		struct fl_class k = fl_confusion_class(c->counts, c->C, i);

		if (k.n) {
			sum += k.recall;
			present++;
		}
	}
	*v = sum / (double)present;
	return 0;
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
	.needs = FL_METRIC_LOGITS | FL_METRIC_COUNTS,
	.tap = fl_tapped_name,
	.end = end,
};
