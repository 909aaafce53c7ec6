/* FED-PUB: each client gets a mixture of all models, by how alike they answer.
 * Baek et al., "Personalized subgraph federated learning", ICML 2023. All models see the same
 * random inputs; e_i is the mean of model i's outputs:
 *   S_ij = exp(scale cos(e_i, e_j)) / sum_j of it,   w_i = sum_j S_ij w_j
 * The paper's inputs are five random graphs of 100 nodes whose features are drawn from N(0,1);
 * for networks of other inputs these are as many inputs from N(0,1). The cosine with an e_i of
 * zeros is 0. The paper's sparse masks are the clients' part, which is not here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/num.h"
#include "base/rng.h"
#include "fed/agg/agg.h"
#include "model/model.h"

struct params {
	double scale;
	int64_t probes, seed;
};

static const struct fl_param table[] = {
	{ "scale", FL_P_REAL, offsetof(struct params, scale), "10", 0, 1e6, NULL, "scale",
	  "how much alike counts; 0, all get the mean" },
	{ "probes", FL_P_INT, offsetof(struct params, probes), "500", 1, 1e6, NULL, "n",
	  "random inputs" },
	{ "seed", FL_P_INT, offsetof(struct params, seed), "0", 0, 9e15, NULL, "seed",
	  "of what is drawn" },
	{ 0 }
};

enum { BATCH = 100 };

struct embedder {
	const struct params *p;
	struct fl_net net;
	struct fl_work work;
	fl_real *w, *u;		/* (P) */
	size_t d, C;
	double *e;		/* (K,C) */
};

/* Inputs i0.. of all models. */
static void draw_batch(const struct embedder *m, size_t i0, size_t B, fl_real *x)
{
	for (size_t b = 0; b < B; b++) {
		struct fl_rng r;

		fl_rng_init(&r, (uint64_t)m->p->seed, 0, 0, FL_RNG_METHOD, i0 + b);
		for (size_t i = 0; i < m->d; i++)
			x[b * m->d + i] = (fl_real)fl_rng_normal(&r);
	}
}

static void answer(struct embedder *m, double *mean)
{
	size_t n = (size_t)m->p->probes;

	for (size_t i = 0; i < n; i += BATCH) {
		size_t B = n - i < BATCH ? n - i : BATCH;
		const fl_real *z;

		draw_batch(m, i, B, m->work.act[0]);
		fl_net_forward(&m->net, &m->work, m->w, B, 0, NULL);
		z = m->work.act[m->net.nlayer];
		for (size_t j = 0; j < B * m->C; j++)
			mean[j % m->C] += (double)z[j] / (double)n;
	}
}

/* The model that client k ended with. */
static int load(struct embedder *m, const struct fl_round *r, size_t k, struct fl_err *e)
{
	const char *arch = fl_meta_get(r->model[k], "fl.arch");
	const char *first = fl_meta_get(r->model[0], "fl.arch");

	if (!arch || strcmp(arch, first))
		return fl_fail(e, FL_EDATA, "its model has another architecture than that of client "
		               "%lld; %s compares what equal networks answer",
		               (long long)r->u[0].client, r->who);
	memset(m->u, 0, m->net.P * sizeof *m->u);
	if (fl_net_import(&m->net, r->model[k], "", FL_ABSENT_REFUSE, m->w, e) ||
	    fl_net_import(&m->net, r->update[k], "", FL_ABSENT_KEEP, m->u, e))
		return -1;
	for (size_t i = 0; i < m->net.P; i++)
		m->w[i] += m->u[i];
	return 0;
}

static int embed_all(struct embedder *m, const struct fl_round *r, struct fl_err *e)
{
	for (size_t k = 0; k < r->K; k++) {
		double *mean = m->e + k * m->C;
		int rc = load(m, r, k, e);

		if (!rc)
			answer(m, mean);
		for (size_t c = 0; !rc && c < m->C; c++)
			if (!isfinite(mean[c]))
				rc = fl_fail(e, FL_ENUM, "its answer to random inputs is not finite");
		if (rc)
			return fl_fail_in(e, "client %lld", (long long)r->u[k].client);
	}
	return 0;
}

/* Random numbers are no tokens. */
static int check_input(const struct fl_net *net, const char *who, struct fl_err *e)
{
	for (size_t i = 0; i < net->nlayer; i++)
		if (!strcmp(net->layer[i].entry->e.name, "embedding"))
			return fl_fail(e, FL_EDATA, "the model reads tokens; %s asks models about random "
			               "numbers", who);
	return 0;
}

static int open_net(struct embedder *m, const struct fl_round *r, struct fl_err *e)
{
	size_t n;

	if (fl_model_of(&m->net, r->model[0], e) || check_input(&m->net, r->who, e))
		return -1;
	fl_net_threads(&m->net, r->threads);
	m->d = fl_shape_count(&m->net.in);
	m->C = m->net.classes;
	if (fl_mul(r->K, m->C, &n))
		return fl_fail_mem(e, SIZE_MAX);
	m->w = fl_alloc(m->net.P, sizeof *m->w, e);
	m->u = fl_alloc(m->net.P, sizeof *m->u, e);
	m->e = fl_alloc(n, sizeof *m->e, e);
	return m->w && m->u && m->e ? fl_work_init(&m->work, &m->net, BATCH, FL_WORK_FORWARD, e) : -1;
}

static double dot(const double *a, const double *b, size_t n)
{
	double s = 0;

	for (size_t i = 0; i < n; i++)
		s += a[i] * b[i];
	return s;
}

/* A row of S(K). */
static void set_row(const struct embedder *m, size_t K, size_t i, double *S)
{
	double most = -INFINITY, sum = 0;

	for (size_t j = 0; j < K; j++) {
		const double *a = m->e + i * m->C, *b = m->e + j * m->C;
		double size = sqrt(dot(a, a, m->C)) * sqrt(dot(b, b, m->C));

		S[j] = size > 0 ? m->p->scale * (dot(a, b, m->C) / size) : 0;
		most = S[j] > most ? S[j] : most;
	}
	for (size_t j = 0; j < K; j++)
		sum += S[j] = fl_exp(S[j] - most);
	for (size_t j = 0; j < K; j++)
		S[j] /= sum;
}

static int weigh(const void *p, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	struct embedder m = { .p = p };
	int rc = open_net(&m, r, e) || embed_all(&m, r, e) ? -1 : 0;

	for (size_t i = 0; !rc && i < r->K; i++)
		set_row(&m, r->K, i, q->W + i * r->K);
	free(m.w);
	free(m.u);
	free(m.e);
	fl_work_release(&m.work);
	fl_net_release(&m.net);
	return rc;
}

const struct fl_rule fl_rule_fedpub = {
	.e = {
		.name = "fedpub",
		.title = "FED-PUB's rule",
		.cite = "Baek et al., ICML 2023, arXiv 2206.10206",
		.doc = "personal models: mixtures by how alike models answer random inputs",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "w_i = sum_j S_ij w_j, S_ij = exp(scale cos(e_i, e_j)) / sum_j of it, e_i the "
			   "mean output of model i on inputs from N(0,1)",
		.note = "The server's part alone: the paper's clients also train a sparse mask. Its random "
			"inputs are graphs; here they are what the network takes.",
	},
	.personal = 1,
	.flags = FL_RULE_MODELS,
	.weigh = weigh,
};
