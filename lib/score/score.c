/* What all scores have in common. */
#include "score/score.h"

const struct fl_family fl_family_score = {
	.name = "score",
	.list = fl_score_list,
	.doc = "by what a query ranks the rows of a gallery",
};

void fl_score_weigh(const struct fl_score *s, const double *x, size_t n, size_t d, int asks,
                    double *scale, double *bias)
{
	for (size_t i = 0; i < n; i++)
		s->weigh(x[i], d, asks, &scale[i], &bias[i]);
}

const struct fl_score *fl_score_agree(const struct fl_score *a, const struct fl_score *b)
{
	a = a ? a : &fl_score_cosine;
	b = b ? b : &fl_score_cosine;
	return a == &fl_score_cosine || a == b ? b : b == &fl_score_cosine ? a : NULL;
}
