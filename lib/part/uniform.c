/* Every class dealt round-robin: the same mixture and size for all, exactly. */
#include "part/units.h"

struct params {
	struct fl_unit_params unit;
};

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_units u;

	if (fl_units_make(s, &p->unit, "uniform", &u, e))
		return -1;
	/* One round for all classes: where one ends, the next goes on. */
	for (size_t i = 0; i < u.U; i++)
		u.owner[u.order[i]] = (uint32_t)(i % s->K);
	return fl_units_done(s, &u, "uniform", e);
}

static const struct fl_param params[] = {
	FL_PARAMS_UNIT(struct params, unit),
	{ .name = NULL }
};

const struct fl_by fl_by_uniform = {
	.e = {
		.name = "uniform",
		.title = "Uniform",
		.cite = "Ju, Hellander and Spjuth, bioRxiv 10.1101/2024.02.09.579629",
		.doc = "every class dealt out round-robin, by examples or by whole groups",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "the i-th unit of all, shuffled within its class, goes to client i mod K",
	},
	.split = split,
};
