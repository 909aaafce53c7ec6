/* Every class dealt round-robin: the same mixture and size for all, exactly. */
#include "part/units.h"

struct params {
	struct fl_unit_params unit;
};

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	uint32_t *client = fl_arena_get(s->arena, s->K, sizeof *client, e);
	struct fl_units u;
	struct fl_rng r;

	if (!client || fl_units_make(s, &p->unit, "uniform", &u, e))
		return -1;
	for (size_t k = 0; k < s->K; k++)
		client[k] = (uint32_t)k;
	fl_part_rng(&r, s, UINT64_MAX, 0);
	fl_rng_shuffle(&r, client, s->K);
	/* One round for all classes: where one ends, the next goes on. */
	for (size_t i = 0; i < u.U; i++)
		u.owner[u.order[i]] = client[i % s->K];
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
		.formula = "the i-th unit of all, shuffled within its class, goes to the (i mod K)-th of the "
		           "shuffled clients",
	},
	.split = split,
};
