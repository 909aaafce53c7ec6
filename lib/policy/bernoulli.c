/* Each client with its own chance, each round anew. */
#include "policy/policy.h"

struct params {
	double p;
	const char *by;
};

int fl_bernoulli_there(const struct fl_presence *s, size_t i, uint64_t seed, uint64_t round)
{
	struct fl_rng rng;

	fl_policy_rng(&rng, seed, round, s->crowd->id[i], FL_DRAWN_POLICY);
	return fl_rng_real(&rng) < s->chance[i];
}

static int fill(const void *vp, const struct fl_crowd *c, uint64_t seed, struct fl_arena *a,
                struct fl_presence *s, struct fl_err *e)
{
	const struct params *p = vp;

	(void)seed;
	s->there = fl_bernoulli_there;
	return (s->chance = fl_policy_chances(c, p->by, p->p, "policy bernoulli", a, e)) ? 0 : -1;
}

static const struct fl_param params[] = {
	{ "p", FL_P_REAL, offsetof(struct params, p), "0.1", 0, 1, NULL, "p", "chance of each client" },
	{ "by", FL_P_STR, offsetof(struct params, by), NULL, 0, 0, NULL, "field",
	  "chances of their own, from this field" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_bernoulli = {
	.e = {
		.name = "bernoulli",
		.title = "independent participation",
		.cite = "Wang and Ji, FedAU, ICLR 2024, arXiv 2306.03401",
		.doc = "each with its own chance, each round anew",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "P_i = p_i, independent over clients and rounds",
		.aka = "poisson",
	},
	.presence = fill,
};
