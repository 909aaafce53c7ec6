/* Clients in proportion to a weight, such as their examples: a set of fixed size whose
 * inclusion probabilities are exactly in proportion, or draws with replacement. */
#include <inttypes.h>

#include "base/fmath.h"
#include "policy/policy.h"

enum { SYSTEMATIC, MULTINOMIAL };
static const char *const design_name[] = { "systematic", "multinomial", NULL };

struct params {
	int64_t k;
	const char *by;
	int design;
};

static int check_weights(const struct fl_crowd *c, const double *w, const char *by, double *total,
                         struct fl_err *e)
{
	*total = 0;
	for (size_t i = 0; i < c->n; i++) {
		if (!(w[i] >= 0))
			return fl_fail(e, FL_EDATA,
			               "weighted: client %" PRId64 ": '%s' is %g, no weight",
			               c->id[i], by, w[i]);
		*total += w[i];
	}
	return *total > 0 || !c->n
	               ? 0
	               : fl_fail(e, FL_EDATA, "weighted: '%s' is 0 of every client", by);
}

/* Inclusion probabilities k w/sum(w); who would have more than 1 has 1, and the rest are
 * shared out anew. */
static void share_out(const double *w, size_t n, size_t k, double total, double *chance)
{
	size_t sure = 0, before;

	for (size_t i = 0; i < n; i++)
		chance[i] = 0;
	do {
		double rest = total;

		before = sure;
		for (size_t i = 0; i < n; i++)
			rest -= chance[i] >= 1 ? w[i] : 0;
		for (size_t i = 0; i < n; i++)
			if (chance[i] < 1) {
				chance[i] = rest > 0 ? (double)(k - before) * w[i] / rest : 0;
				if (chance[i] >= 1) {
					chance[i] = 1;
					sure++;
				}
			}
	} while (sure > before && sure < k);
}

/* Madow's systematic sample: on the line of chances laid end to end in random order, those
 * on which u, u+1, u+2, ... fall. */
static int pick_systematic(struct fl_choice *k, const double *w, double total, size_t m, struct fl_err *e)
{
	size_t n = k->crowd->n, positive = 0, picked = 0;
	uint32_t *order = fl_policy_shuffled(k, k->round, e);
	double at = 0, next;
	struct fl_rng rng;

	if (!order)
		return -1;
	for (size_t i = 0; i < n; i++)
		positive += w[i] > 0;
	m = m < positive ? m : positive;
	share_out(w, n, m, total, k->chance);
	fl_policy_rng(&rng, k->seed, k->round, 1, FL_DRAWN_POLICY);
	next = fl_rng_open(&rng);
	for (size_t i = 0; i < n; i++) {
		double chance = k->chance[order[i]];

		at += chance;
		/* Who is certain is in, whatever roundings did to the sum. */
		if (chance >= 1 || (at > next && chance > 0)) {
			k->in[order[i]] = 1;
			next += 1;
			picked++;
		}
	}
	/* A sum that roundings left below the last point: who comes last is it. */
	for (size_t i = n; i-- > 0 && picked < m;)
		if (!k->in[order[i]] && k->chance[order[i]] > 0) {
			k->in[order[i]] = 1;
			picked++;
		}
	return 0;
}

static int pick_multinomial(struct fl_choice *k, const double *w, double total, size_t m, struct fl_err *e)
{
	size_t n = k->crowd->n;
	double *sum = fl_arena_get(k->arena, n + 1, sizeof *sum, e);
	struct fl_rng rng;

	if (!sum)
		return -1;
	sum[0] = 0;
	for (size_t i = 0; i < n; i++) {
		sum[i + 1] = sum[i] + w[i];
		k->chance[i] = w[i] < total ? -fl_expm1((double)m * fl_log1p(-w[i] / total)) : 1;
	}
	fl_policy_rng(&rng, k->seed, k->round, 0, FL_DRAWN_POLICY);
	for (size_t draw = 0; draw < m; draw++) {
		double u = fl_rng_real(&rng) * sum[n];
		size_t low = 0, high = n;

		while (high - low > 1) {	/* sum[low] <= u < sum[high] */
			size_t middle = low + (high - low) / 2;

			if (sum[middle] <= u)
				low = middle;
			else
				high = middle;
		}
		k->in[low] = 1;
	}
	return 0;
}

static int pick(const void *vp, struct fl_choice *k, struct fl_err *e)
{
	const struct params *p = vp;
	const double *w = fl_crowd_get(k->crowd, p->by, "policy weighted", e);
	double total;

	if (!w || check_weights(k->crowd, w, p->by, &total, e))
		return -1;
	if (!k->crowd->n)
		return 0;
	if (p->design == MULTINOMIAL)
		return pick_multinomial(k, w, total, (size_t)p->k, e);
	return pick_systematic(k, w, total, fl_policy_count(p->k, 0, k->crowd->n), e);
}

static const struct fl_param params[] = {
	{ "k", FL_P_INT, offsetof(struct params, k), "10", 1, 4e9, NULL, "n", "how many, or how many draws" },
	{ "by", FL_P_STR, offsetof(struct params, by), "examples", 0, 0, NULL, "field", "the weight" },
	{ "design", FL_P_ENUM, offsetof(struct params, design), "systematic", 0, 0, design_name, "design",
	  "k different clients, or k draws with replacement, each counted once" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_weighted = {
	.e = {
		.name = "weighted",
		.title = "sampling by size",
		.cite = "Madow, Annals of Mathematical Statistics 20 (1949); Li et al., ICLR 2020, arXiv "
		        "1907.02189 (multinomial)",
		.doc = "in proportion to a weight, such as the examples",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "systematic: P_i = min(1, c w_i) with sum P = k, by u, u+1, ... on the cumulated P in "
		           "random order; multinomial: P_i = 1 - (1 - w_i/sum w)^k",
	},
	.pick = pick,
};
