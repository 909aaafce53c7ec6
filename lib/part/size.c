/* Quantity skew: sizes by a law, contents independent and identically distributed. */
#include "part/law.h"

struct params {
	struct fl_law law;
};

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	size_t *size = fl_arena_get(s->arena, s->K, sizeof *size, e), i = 0;
	uint32_t *row;

	if (!size || fl_part_law(&p->law, "size", s, size, e) || !(row = fl_part_permutation(s, e)))
		return -1;
	for (size_t k = 0; k < s->K; k++)
		for (size_t n = size[k]; n; n--)
			s->owner[row[i++]] = (uint32_t)k;
	return 0;
}

static const struct fl_param params[] = {
	FL_PARAMS_LAW(struct params, law, "lognormal"),
	{ .name = NULL }
};

const struct fl_by fl_by_size = {
	.e = {
		.name = "size",
		.title = "Quantity skew",
		.cite = "Li et al., NIID-Bench, ICDE 2022, arXiv 2102.02079; Flower datasets; FedLab",
		.doc = "client sizes by a law, contents at random",
		.params = params,
		.psize = sizeof(struct params),
		.formula = FL_LAW_FORMULA,
	},
	.split = split,
};
