/* One minus the largest probability. */
#include "base/fmath.h"
#include "metric/unknown.h"

const struct fl_family fl_family_unknown = {
	.name = "unknown", .list = fl_unknown_list, .doc = "how an image of no known class is told",
	.noun = "score",
};

static double score(const struct fl_sight *s)
{
	return -fl_expm1(-s->lse);
}

const struct fl_unknown fl_unknown_maxprob = {
	.e = {
		.name = "maxprob",
		.title = "Maximum probability (MCM)",
		.cite = "Hendrycks and Gimpel, ICLR 2017; Ming et al., NeurIPS 2022, arXiv 2211.13445",
		.doc = "one minus the largest probability",
		.formula = "1 - max_c softmax(beta cos)_c",
	},
	.score = score,
};
