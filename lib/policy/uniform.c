/* A given number of clients, every set of that size with the same chance. */
#include "policy/policy.h"

struct params {
	int64_t k;
	double share;
};

static size_t count_of(const void *vp, size_t n)
{
	const struct params *p = vp;

	return fl_policy_count(p->k, p->share, n);
}

/* The first of a random order, drawn only as far as it is needed. */
static int pick(const void *p, struct fl_choice *k, struct fl_err *e)
{
	size_t n = k->crowd->n, m = count_of(p, n);
	uint32_t *order = fl_arena_get(k->arena, n + 1, sizeof *order, e);
	struct fl_rng rng;

	if (!order)
		return -1;
	for (size_t i = 0; i < n; i++) {
		order[i] = (uint32_t)i;
		k->chance[i] = (double)m / (double)n;
	}
	fl_policy_rng(&rng, k->seed, k->round, 0, FL_DRAWN_POLICY);
	for (size_t i = 0; i < m; i++) {
		size_t j = i + (size_t)fl_rng_below(&rng, n - i);

		k->in[order[j]] = 1;
		order[j] = order[i];
	}
	return 0;
}

static const struct fl_param params[] = {
	{ "k", FL_P_INT, offsetof(struct params, k), NULL, 1, 4e9, NULL, "n", "how many" },
	{ "share", FL_P_REAL, offsetof(struct params, share), "0.1", 0, 1, NULL, "x",
	  "how many where k is not given: this share, rounded, at least 1" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_uniform = {
	.e = {
		.name = "uniform",
		.title = "uniform sampling",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629",
		.doc = "so many of all, without replacement",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "k of N without replacement; P = k/N",
		.aka = "random",
	},
	.pick = pick,
	.size = count_of,
};
