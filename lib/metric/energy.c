/* Free energy of the logits. */
#include "metric/unknown.h"

static double score(const struct fl_sight *s)
{
	return -(s->beta * (double)s->cosine[s->top] + s->lse);
}

const struct fl_unknown fl_unknown_energy = {
	.e = {
		.name = "energy",
		.title = "Energy",
		.cite = "Liu et al., NeurIPS 2020, arXiv 2010.03759",
		.doc = "minus the log-sum-exp of the logits",
		.formula = "- ln sum_c exp(beta cos_c)",
	},
	.score = score,
};
