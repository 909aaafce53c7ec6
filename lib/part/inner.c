/* Inner Dirichlet: sizes are given, the mixture of classes of a client is drawn. */
#include "part/fill.h"
#include "part/law.h"

struct params {
	double alpha;
	struct fl_law law;
};

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	size_t *size = fl_arena_get(s->arena, s->K, sizeof *size, e), tries;
	double *alpha = fl_arena_get(s->arena, s->C, sizeof *alpha, e);

	if (!size || !alpha || fl_part_law(&p->law, "inner", s, size, e))
		return -1;
	for (size_t c = 0; c < s->C; c++)
		alpha[c] = p->alpha;
	tries = s->tries;
	if (fl_part_fill(s, alpha, size, 1, e))
		return -1;
	s->tries = tries;
	return 0;
}

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "0.5", 1e-6, 1e6, NULL, "x",
	  "concentration over the classes of a client" },
	FL_PARAMS_LAW(struct params, law, "equal"),
	{ .name = NULL }
};

const struct fl_by fl_by_inner = {
	.e = {
		.name = "inner",
		.title = "Inner Dirichlet",
		.cite = "Acar et al., FedDyn, ICLR 2021, arXiv 2111.04263; FedLab, Flower datasets",
		.doc = "sizes by a law, a mixture of classes a client from Dir(alpha)",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "q_k ~ Dir(alpha 1_C); repeat: a client that is not full, a class from q_k "
		           "without the exhausted ones, an example of it; " FL_LAW_FORMULA,
	},
	.split = split,
};
