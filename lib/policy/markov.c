/* Clients that come and stay for a while: a chain of two states each, in its stationary
 * distribution from round 1 on. With one number u a round, clients on and off do the same
 * where u < min(a, 1-b) (on) or u >= max(a, 1-b) (off), a and b the chances to come and to
 * go; in between they keep their state, or where lambda = 1-a-b < 0 change it. So the state
 * of a round follows from the rounds back to the last u outside, whoever asks. */
#include <inttypes.h>

#include "policy/policy.h"

struct params {
	double p, lambda;
	const char *by;
};

int fl_markov_there(const struct fl_presence *s, size_t i, uint64_t seed, uint64_t round)
{
	double p = s->chance[i], come = (1 - s->lambda) * p, stay = come + s->lambda;
	double low = come < stay ? come : stay, high = come < stay ? stay : come;
	int flips = 0;

	for (; round > 1; round--) {
		struct fl_rng rng;
		double u;

		fl_policy_rng(&rng, seed, round, s->crowd->id[i], FL_DRAWN_POLICY);
		u = fl_rng_real(&rng);
		if (u < low || u >= high)
			return (u < low) ^ flips;
		flips ^= s->lambda < 0;
	}
	return fl_bernoulli_there(s, i, seed, 1) ^ flips;
}

int fl_markov_check(const struct fl_presence *s, struct fl_err *e)
{
	for (size_t i = 0; i < s->crowd->n; i++) {
		double p = s->chance[i];

		/* Chances to come (1-lambda)p and to go (1-lambda)(1-p) are at most 1. */
		if ((1 - s->lambda) * p > 1 || (1 - s->lambda) * (1 - p) > 1)
			return fl_fail(e, FL_EUSAGE,
			               "client %" PRId64
			               ": no chain that is there with probability %g has "
			               "lambda=%g: its chance to come or to go would be above 1",
			               s->crowd->id[i], p, s->lambda);
	}
	return 0;
}

static int fill(const void *vp, const struct fl_crowd *c, uint64_t seed, struct fl_arena *a,
                struct fl_presence *s, struct fl_err *e)
{
	const struct params *p = vp;

	(void)seed;
	s->there = fl_markov_there;
	s->lambda = p->lambda;
	if (!(s->chance = fl_policy_chances(c, p->by, p->p, "policy markov", a, e)))
		return -1;
	return fl_markov_check(s, e);
}

static const struct fl_param params[] = {
	{ "p", FL_P_REAL, offsetof(struct params, p), "0.5", 0, 1, NULL, "p",
	  "share of rounds in which a client is there" },
	{ "by", FL_P_STR, offsetof(struct params, by), NULL, 0, 0, NULL, "field",
	  "shares of their own, from this field" },
	{ "lambda", FL_P_REAL, offsetof(struct params, lambda), "0.9", -1, 0.999999, NULL, "x",
	  "correlation of one round with the next" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_markov = {
	.e = {
		.name = "markov",
		.title = "Markov availability",
		.cite = "Rodio et al., CA-Fed, INFOCOM 2023, arXiv 2301.04632; Wang and Ji, FedAU, arXiv "
		        "2306.03401",
		.doc = "clients that come and stay for a while",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "P(on|on) = lambda + (1-lambda) p, P(on|off) = (1-lambda) p; P_i = p_i in every round. "
		           "FedAU's markov-x is lambda = 1 - x/p",
	},
	.presence = fill,
};
