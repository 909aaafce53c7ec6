/* Everybody, every round. */
#include "policy/policy.h"

static int is_there(const struct fl_presence *s, size_t i, uint64_t seed, uint64_t round)
{
	(void)s;
	(void)i;
	(void)seed;
	(void)round;
	return 1;
}

static int fill(const void *p, const struct fl_crowd *c, uint64_t seed, struct fl_arena *a,
                struct fl_presence *s, struct fl_err *e)
{
	(void)p;
	(void)seed;
	s->there = is_there;
	return (s->chance = fl_policy_chances(c, NULL, 1, "all", a, e)) ? 0 : -1;
}

const struct fl_policy fl_policy_all = {
	.e = {
		.name = "all",
		.title = "full participation",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629, C = 1",
		.doc = "everybody, every round",
		.formula = "P = 1",
	},
	.presence = fill,
};
