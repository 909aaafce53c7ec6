/* Loss ratio: a client's loss over that of a first model, AdaFedAdam's I_k. */
#include "metric/metric.h"

const struct fl_metric fl_metric_ratio = {
	.e = {
		.name = "ratio",
		.title = "Loss ratio",
		.cite = "Ju et al., IEEE TMLCN 2024, arXiv 2301.09357",
		.doc = "the loss over that of the model of --with, on the same examples",
		.formula = "I_k = F_k(w) / F_k(w of --with)",
	},
	.of_model = 1,
	.ratio = 1,
};
