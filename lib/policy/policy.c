#include "policy/policy.h"

#include <inttypes.h>
#include <math.h>

#include "base/log.h"
#include "base/num.h"

const struct fl_family fl_family_policy = {
	.name = "policy", .list = fl_policy_list, .doc = "who takes part in a round",
};

void fl_policy_rng(struct fl_rng *r, uint64_t seed, uint64_t round, int64_t client,
                   enum fl_drawn what)
{
	fl_rng_init(r, seed, round, (uint64_t)client, FL_RNG_SELECT, what);
}

const double *fl_policy_chances(const struct fl_crowd *c, const char *by, double p, const char *who,
                                struct fl_arena *a, struct fl_err *e)
{
	double *all;

	if (by) {
		const double *v = fl_crowd_get(c, by, who, e);

		for (size_t i = 0; v && i < c->n; i++)
			if (!(v[i] >= 0 && v[i] <= 1)) {
				fl_fail(e, FL_EDATA,
				        "client %" PRId64 ": '%s' is %g, no probability", c->id[i],
				        by, v[i]);
				return NULL;
			}
		return v;
	}
	if (!(all = fl_arena_get(a, c->n + 1, sizeof *all, e)))
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		all[i] = p;
	return all;
}

size_t fl_policy_count(int64_t k, double share, size_t n)
{
	size_t m = k != FL_UNSET ? (size_t)k : fl_num_part_near(share, n);

	if (m > n)
		fl_say(FL_LOG_WARN, "%zu clients asked for, there are %zu", m, n);
	return m > n ? n : m ? m : n > 0;
}

uint32_t *fl_policy_shuffled(const struct fl_choice *k, uint64_t round, struct fl_err *e)
{
	size_t n = k->crowd->n;
	uint32_t *order = fl_arena_get(k->arena, n + 1, sizeof *order, e);
	struct fl_rng rng;

	if (!order)
		return NULL;
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	fl_policy_rng(&rng, k->seed, round, 0, FL_DRAWN_POLICY);
	fl_rng_shuffle(&rng, order, n);
	return order;
}

int fl_policy_pick(const struct fl_spec *policy, struct fl_choice *k, struct fl_err *e)
{
	const struct fl_policy *w = (const struct fl_policy *)policy->entry;
	struct fl_presence s = { .crowd = k->crowd };

	for (size_t i = 0; i < k->crowd->n; i++) {
		k->in[i] = 0;
		k->chance[i] = NAN;
	}
	if (w->pick)
		return w->pick(policy->p, k, e);
	if (w->presence(policy->p, k->crowd, k->seed, k->arena, &s, e))
		return -1;
	for (size_t i = 0; i < k->crowd->n; i++) {
		k->in[i] = (unsigned char)s.there(&s, i, k->seed, k->round);
		k->chance[i] = s.known ? s.known(&s, i, k->round) : s.chance[i];
	}
	return 0;
}

int fl_policy_drops(const struct fl_choice *k, size_t i, double dropout)
{
	struct fl_rng rng;

	fl_policy_rng(&rng, k->seed, k->round, k->crowd->id[i], FL_DRAWN_DROPOUT);
	return fl_rng_real(&rng) < dropout;
}

uint64_t fl_policy_steps(const struct fl_choice *k, size_t i, double stragglers, uint64_t steps)
{
	struct fl_rng rng;

	fl_policy_rng(&rng, k->seed, k->round, k->crowd->id[i], FL_DRAWN_STRAGGLER);
	return fl_rng_real(&rng) < stragglers ? 1 + fl_rng_below(&rng, steps) : steps;
}
