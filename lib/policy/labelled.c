/* Participation that goes with the data, as FedAU's experiments have it: classes have a weight,
 * and a client's chance is the mean weight of its examples. */
#include <string.h>

#include "policy/policy.h"

enum { BERNOULLI, MARKOV, CYCLIC };
static const char *const process_name[] = { "bernoulli", "markov", "cyclic", NULL };

struct params {
	double alpha, mean, floor, lambda;
	int process;
	int64_t period;
};

/* chance(n): the larger of floor and mean C sum_c share_ic v_c, at most 1, v ~ Dir(alpha). */
static int mix_labels(const struct params *p, const struct fl_crowd *c, uint64_t seed, double *chance,
                      struct fl_arena *a, struct fl_err *e)
{
	size_t C = c->labels;
	double *v = fl_arena_get(a, 2 * C + 1, sizeof *v, e);
	struct fl_rng rng;

	if (!v)
		return -1;
	for (size_t k = 0; k < C; k++)
		v[C + k] = p->alpha;
	fl_policy_rng(&rng, seed, 0, 0, FL_DRAWN_LABELS);
	fl_rng_dirichlet(&rng, v + C, v, C);
	for (size_t i = 0; i < c->n; i++) {
		const double *count = c->count + i * C;
		double n = 0, sum = 0, chosen;

		for (size_t k = 0; k < C; k++) {
			n += count[k];
			sum += count[k] * v[k];
		}
		chosen = n > 0 ? p->mean * (double)C * sum / n : 0;
		chosen = chosen > p->floor ? chosen : p->floor;
		chance[i] = chosen < 1 ? chosen : 1;
	}
	return 0;
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
	double *chance = fl_arena_get(a, c->n + 1, sizeof *chance, e);

	if (!chance)
		return -1;
	if (!c->count && c->n)
		return fl_fail(e, FL_EDATA,
		               "policy labelled wants each client's counts of labels: "
		               "partition.json "
		               "of fl-partition, as the file of clients or by --with");
	if (c->n && mix_labels(p, c, seed, chance, a, e))
		return -1;
	s->chance = chance;
	s->lambda = p->lambda;
	s->period = (uint64_t)p->period;
	s->there = p->process == MARKOV ? fl_markov_there : p->process == CYCLIC ? fl_cyclic_there :
	           fl_bernoulli_there;
	s->known = p->process == CYCLIC ? whole_rounds : NULL;
	return p->process == MARKOV ? fl_markov_check(s, e) : 0;
}

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "0.1", 1e-6, 1e6, NULL, "x",
	  "concentration of the classes' weights: small, and few classes take part" },
	{ "mean", FL_P_REAL, offsetof(struct params, mean), "0.1", 0, 1, NULL, "p", "mean chance over draws" },
	{ "floor", FL_P_REAL, offsetof(struct params, floor), "0.02", 0, 1, NULL, "p", "least chance" },
	{ "process", FL_P_ENUM, offsetof(struct params, process), "bernoulli", 0, 0, process_name, "policy",
	  "how clients come and go with these chances" },
	{ "lambda", FL_P_REAL, offsetof(struct params, lambda), "0.9", -1, 0.999999, NULL, "x",
	  "of process=markov" },
	{ "period", FL_P_INT, offsetof(struct params, period), "24", 1, 1e9, NULL, "n", "of process=cyclic" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_labelled = {
	.e = {
		.name = "labelled",
		.title = "participation by labels",
		.cite = "Wang and Ji, FedAU, ICLR 2024, arXiv 2306.03401",
		.doc = "chances that go with the mix of labels",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "P_i = min(1, max(floor, mean C sum_c n_ic/n_i v_c)), v ~ Dir(alpha 1_C), drawn once",
		.note = "Probabilities of --probs are those given v, which the seed draws.",
	},
	.presence = fill,
};
