/* Distance to the nearest class. */
#include "metric/unknown.h"

static double score(const struct fl_sight *s)
{
	return 1 - (double)s->cosine[s->top];
}

const struct fl_unknown fl_unknown_cosine = {
	.e = {
		.name = "cosine",
		.title = "Cosine distance",
		.cite = "Ming et al., NeurIPS 2022, arXiv 2211.13445",
		.doc = "one minus the largest cosine",
		.formula = "1 - max_c cos_c",
	},
	.score = score,
};
