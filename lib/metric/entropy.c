/* Entropy of the class probabilities, in nats. */
#include "base/fmath.h"
#include "metric/unknown.h"

static double score(const struct fl_sight *s)
{
	double mean = 0, top = (double)s->cosine[s->top];

	for (size_t c = 0; c < s->C; c++) {
		double z = s->beta * ((double)s->cosine[c] - top);

		mean += z * fl_exp(z - s->lse);
	}
	return s->lse - mean;
}

const struct fl_unknown fl_unknown_entropy = {
	.e = {
		.name = "entropy",
		.title = "Entropy",
		.cite = "Shannon, Bell System Technical Journal 27, 1948",
		.doc = "entropy of the class probabilities, in nats",
		.formula = "- sum_c p_c ln p_c, p = softmax(beta cos)",
	},
	.score = score,
};
