/* Independent and identically distributed: a random permutation in equal parts. */
#include "part/part.h"

static int split(const void *p, struct fl_part *s, struct fl_err *e)
{
	uint32_t *row = fl_part_permutation(s, e);

	(void)p;
	if (!row)
		return -1;
	/* N, K < 2^32, so that the product fits. */
	for (size_t i = 0; i < s->N; i++)
		s->owner[row[i]] = (uint32_t)(i * s->K / s->N);
	s->tries = 1;
	return fl_part_check(s, "iid", e);
}

const struct fl_by fl_by_iid = {
	.e = {
		.name = "iid",
		.title = "IID",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629",
		.doc = "a random permutation, in parts whose sizes differ by at most 1",
		.formula = "owner of the i-th of N permuted examples: floor(i K / N)",
	},
	.split = split,
};
