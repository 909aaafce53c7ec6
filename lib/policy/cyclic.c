/* Clients that are there for the same part of every period, as by day or by night. */
#include "base/num.h"
#include "policy/policy.h"

struct params {
	double p;
	const char *by;
	int64_t period;
};

/* Rounds of the period in which a client is there: p of them, rounded, at least one. */
static uint64_t rounds_of(uint64_t period, double p)
{
	uint64_t n = fl_num_part_near(p, (size_t)period);

	return n || !(p > 0) ? n : 1;
}

double fl_cyclic_chance(uint64_t period, double p)
{
	return (double)rounds_of(period, p) / (double)period;
}

int fl_cyclic_there(const struct fl_presence *s, size_t i, uint64_t seed, uint64_t round)
{
	struct fl_rng rng;
	uint64_t phase;

	fl_policy_rng(&rng, seed, 0, s->crowd->id[i], FL_DRAWN_PHASE);
	phase = fl_rng_below(&rng, s->period);
	return ((round - 1) % s->period + phase) % s->period < rounds_of(s->period, s->chance[i]);
}

static double whole_rounds(const struct fl_presence *s, size_t i, uint64_t round)
{
	(void)round;
	return fl_cyclic_chance(s->period, s->chance[i]);
}

static int fill(const void *vp, const struct fl_crowd *c, uint64_t seed, struct fl_arena *a,
                struct fl_presence *s, struct fl_err *e)
{
	const struct params *p = vp;

	(void)seed;
	s->there = fl_cyclic_there;
	s->known = whole_rounds;
	s->period = (uint64_t)p->period;
	return (s->chance = fl_policy_chances(c, p->by, p->p, "policy cyclic", a, e)) ? 0 : -1;
}

static const struct fl_param params[] = {
	{ "p", FL_P_REAL, offsetof(struct params, p), "0.5", 0, 1, NULL, "p",
	  "share of the period in which a client is there" },
	{ "by", FL_P_STR, offsetof(struct params, by), NULL, 0, 0, NULL, "field",
	  "shares of their own, from this field" },
	{ "period", FL_P_INT, offsetof(struct params, period), "24", 1, 1e9, NULL, "n", "rounds" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_cyclic = {
	.e = {
		.name = "cyclic",
		.title = "cyclic availability",
		.cite = "Wang and Ji, FedAU, ICLR 2024, arXiv 2306.03401",
		.doc = "there for the same part of every period",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "on where (t - 1 + phase_i) mod period < r_i, r_i = round(p_i period), at least 1, the "
		           "phase drawn once; P_i = r_i/period",
		.note = "In FedAU's code clients begin off; here the phase is uniform over the period.",
	},
	.presence = fill,
};
