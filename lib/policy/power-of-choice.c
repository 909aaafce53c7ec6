/* Power of choice: candidates are drawn in proportion to their examples, and those with the
 * largest loss of them take part. */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "policy/policy.h"

struct params {
	int64_t k, d;
	const char *by, *loss;
};

struct fl_candidate {
	double key;		/* less is earlier */
	uint32_t i;
};

static int by_key(const void *pa, const void *pb)
{
	const struct fl_candidate *a = pa, *b = pb;

	if (a->key < b->key || a->key > b->key)
		return a->key < b->key ? -1 : 1;
	return (a->i > b->i) - (a->i < b->i);
}

/* Successive draws without replacement in proportion to w, as an order: by E_i/w_i, E_i
 * exponential (Efraimidis and Spirakis, 2006). A weight of 0 comes last. */
static void order_candidates(const struct fl_choice *k, const double *w, struct fl_candidate *v)
{
	for (size_t i = 0; i < k->crowd->n; i++) {
		struct fl_rng rng;

		fl_policy_rng(&rng, k->seed, k->round, k->crowd->id[i], FL_DRAWN_POLICY);
		v[i] = (struct fl_candidate){ w[i] > 0 ? -fl_log(fl_rng_open(&rng)) / w[i] : INFINITY,
		                              (uint32_t)i };
	}
	qsort(v, k->crowd->n, sizeof *v, by_key);
}

/* log of n over k. */
static double log_choose(double n, double k)
{
	return fl_lgamma(n + 1) - fl_lgamma(k + 1) - fl_lgamma(n - k + 1);
}

/* Equal weights: the client of the r-th largest loss is chosen where it is one of the d and
 * fewer than k of the r before it are: sum over j < k of C(r,j) C(N-1-r,d-1-j)/C(N,d). */
static void say_chances(struct fl_choice *k, const double *loss, struct fl_candidate *v, size_t m,
                        size_t d)
{
	size_t n = k->crowd->n;

	for (size_t i = 0; i < n; i++)
		v[i] = (struct fl_candidate){ -loss[i], (uint32_t)i };
	qsort(v, n, sizeof *v, by_key);
	for (size_t r = 0; r < n; r++) {
		double chance = 0;

		for (size_t j = 0; j < m && j <= r && j < d; j++)
			if (d - 1 - j <= n - 1 - r)
				chance += fl_exp(log_choose((double)r, (double)j) +
				                 log_choose((double)(n - 1 - r), (double)(d - 1 - j)) -
				                 log_choose((double)n, (double)d));
		k->chance[v[r].i] = chance < 1 ? chance : 1;
	}
}

static int pick(const void *vp, struct fl_choice *k, struct fl_err *e)
{
	const struct params *p = vp;
	size_t n = k->crowd->n, d, m, equal = 0;
	const double *w = fl_crowd_get(k->crowd, p->by, "policy power-of-choice", e);
	const double *loss = w ? fl_crowd_get(k->crowd, p->loss, "policy power-of-choice", e) : NULL;
	struct fl_candidate *v = fl_arena_get(k->arena, n + 1, sizeof *v, e);

	if (!loss || !v)
		return -1;
	d = fl_policy_count(p->d, 0, n);
	m = (size_t)p->k < d ? (size_t)p->k : d;
	if (p->d < p->k)
		return fl_fail(e, FL_EUSAGE, "power-of-choice: %lld of d=%lld candidates",
		               (long long)p->k, (long long)p->d);
	for (size_t i = 0; i < n; i++) {
		if (!(w[i] >= 0))
			return fl_fail(e, FL_EDATA,
			               "power-of-choice: client %lld: '%s' is %g, no weight",
			               (long long)k->crowd->id[i], p->by, w[i]);
		equal += !(w[i] < w[0] || w[i] > w[0]);
	}
	order_candidates(k, w, v);
	for (size_t i = 0; i < d; i++)
		v[i].key = -loss[v[i].i];
	qsort(v, d, sizeof *v, by_key);
	for (size_t i = 0; i < m; i++)
		k->in[v[i].i] = 1;
	if (equal == n)
		say_chances(k, loss, v, m, d);
	return 0;
}

static const struct fl_param params[] = {
	{ "k", FL_P_INT, offsetof(struct params, k), "10", 1, 4e9, NULL, "n", "how many" },
	{ "d", FL_P_INT, offsetof(struct params, d), "20", 1, 4e9, NULL, "n", "of how many candidates" },
	{ "by", FL_P_STR, offsetof(struct params, by), "examples", 0, 0, NULL, "field",
	  "candidates in proportion to this" },
	{ "loss", FL_P_STR, offsetof(struct params, loss), "loss", 0, 0, NULL, "field",
	  "what is to be large" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_power_of_choice = {
	.e = {
		.name = "power-of-choice",
		.title = "Power-of-Choice",
		.cite = "Cho, Wang and Joshi, arXiv 2010.01243, AISTATS 2022",
		.doc = "of drawn candidates those with the largest loss",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "d candidates drawn one by one in proportion to n_i, without replacement; of these the k "
		           "with the largest F_i(w); P_i is known for equal n_i: sum over j < k of "
		           "C(r,j) C(N-1-r,d-1-j)/C(N,d), r the number of clients with a larger loss",
	},
	.pick = pick,
};
