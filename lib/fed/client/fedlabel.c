/* FedLabel: what has a label and what has none are learnt apart, each from the received
 * model w0, and both moves add up.
 *   1. w_L: steps on the labelled examples.
 *   2. Of each other example w0 and w_L both say something, before any augmentation. The
 *      surer one, by the variance h of its outputs, gives the label y^, its largest output;
 *      the example is used where the probability of that is above beta. w_U: steps on
 *        CE(f(x'), y^) + lambda_x KL(p_other | f(x')),  lambda_x = lambda h_other/h_surer
 *      where the other says y^, too, else 0; x' augmented.
 *   3. w = w_L + w_U - w0; the client counts its labelled examples and those used.
 * Neither model moves in 2, so that batches are of examples that are used. */
#include <string.h>

#include "fed/client/client.h"
#include "kernel/soften.h"

enum augment { UNLABELLED, ALL };

struct fedlabel {
	double beta, lambda;
	int64_t epochs;
	int augment;
};

static const char *const augments[] = { "unlabelled", "all", NULL };

static const struct fl_param params[] = {
	{ "beta", FL_P_REAL, offsetof(struct fedlabel, beta), "0.95", 0, 1, NULL, "p",
	  "probability above which a label that a model gives is used" },
	{ "lambda", FL_P_REAL, offsetof(struct fedlabel, lambda), "1", 0, 1e6, NULL, "lambda",
	  "weight of what the less sure model says" },
	{ "epochs", FL_P_INT, offsetof(struct fedlabel, epochs), NULL, 0, 1e9, NULL, "n",
	  "epochs over unlabelled examples; not set, as over labelled ones" },
	{ "augment", FL_P_ENUM, offsetof(struct fedlabel, augment), "unlabelled", 0, 0, augments, "what",
	  "examples that --augment changes" },
	{ 0 }
};

struct given {
	struct fl_fixed global, local;	/* logits of w0 and of w_L */
	int32_t *y;			/* (N) the label given, -1: not used */
	const fl_real **other;		/* (N) logits of the less sure one */
	double *weight;			/* (N) lambda_x */
	double *p, *q;			/* (C) */
	size_t used;
};

/* --- labels --- */

static double variance(const fl_real *z, size_t C)
{
	double mean = 0, sum = 0;

	for (size_t c = 0; c < C; c++)
		mean += (double)z[c] / (double)C;
	for (size_t c = 0; c < C; c++)
		sum += ((double)z[c] - mean) * ((double)z[c] - mean);
	return sum;	/* over C - 1, which does not matter: only ratios count */
}

static size_t largest(const fl_real *z, size_t C)
{
	size_t best = 0;

	for (size_t c = 1; c < C; c++)
		if (z[c] > z[best])
			best = c;
	return best;
}

static void give_label(struct given *s, const struct fedlabel *p, size_t i, size_t C)
{
	const fl_real *g = s->global.z + i * C, *own = s->local.z + i * C;
	double hg = variance(g, C), hl = variance(own, C);
	const fl_real *surer = hg > hl ? g : own, *other = hg > hl ? own : g;
	size_t y = largest(surer, C);
	double most = hg > hl ? hg : hl, least = hg > hl ? hl : hg;

	fl_soften_row(surer, C, 1, s->p);
	s->y[i] = s->p[y] > p->beta ? (int32_t)y : -1;
	s->used += s->y[i] >= 0;
	s->other[i] = other;
	s->weight[i] = largest(other, C) == y && most > 0 ? p->lambda * least / most : 0;
}

static int give_labels(struct fl_local *l, struct given *s, struct fl_err *e)
{
	size_t N = l->data->N, C = l->net->classes;

	if (!(s->y = fl_arena_get(l->arena, N, sizeof *s->y, e)) ||
	    !(s->other = fl_arena_zero(l->arena, N, sizeof *s->other, e)) ||
	    !(s->weight = fl_arena_zero(l->arena, N, sizeof *s->weight, e)) ||
	    !(s->p = fl_arena_get(l->arena, C, sizeof *s->p, e)) ||
	    !(s->q = fl_arena_get(l->arena, C, sizeof *s->q, e)) ||
	    fl_local_all(l, &s->global, l->w0, FL_FIX_LOGITS, e) ||
	    fl_local_all(l, &s->local, l->w, FL_FIX_LOGITS, e))
		return -1;
	for (size_t i = 0; i < N; i++) {
		s->y[i] = -1;
		if (l->data->y[i] < 0)
			give_label(s, l->p, i, C);
	}
	return 0;
}

/* --- hooks --- */

static size_t labelled(struct fl_local *l, int64_t epoch, uint32_t *v, size_t n)
{
	size_t kept = 0;

	(void)epoch;
	for (size_t i = 0; i < n; i++)
		if (l->data->y[v[i]] >= 0)
			v[kept++] = v[i];
	return kept;
}

static size_t used(struct fl_local *l, int64_t epoch, uint32_t *v, size_t n)
{
	const struct given *s = l->priv;
	size_t kept = 0;

	(void)epoch;
	for (size_t i = 0; i < n; i++)
		if (s->y[v[i]] >= 0)
			v[kept++] = v[i];
	return kept;
}

static void input(struct fl_local *l, fl_real *x, int32_t *y, size_t B, size_t d)
{
	const struct given *s = l->priv;

	(void)x;
	(void)d;
	for (size_t b = 0; b < B; b++)
		y[b] = s->y[fl_local_example(l, b)];
}

static double loss(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                   size_t C)
{
	const struct given *s = l->priv;
	double sum = 0;

	(void)y;
	for (size_t b = 0; b < B; b++, z += C, dz += C) {
		size_t i = fl_local_example(l, b);
		const fl_real *zo = s->other[i];
		double by = s->weight[i] / (double)B, lp = fl_soften_row(z, C, 1, s->p);
		double lq = fl_soften_row(zo, C, 1, s->q);

		for (size_t c = 0; c < C; c++) {
			sum += by * s->q[c] * ((double)zo[c] - lq - (double)z[c] + lp);
			dz[c] += (fl_real)(by * (s->p[c] - s->q[c]));
		}
	}
	return sum;
}

/* --- training --- */

/* w_L becomes w_L + w_U - w0; of running statistics, which are no moves, the mean. */
static void add_moves(struct fl_local *l, const fl_real *wu)
{
	for (size_t i = 0; i < l->net->nparam; i++) {
		const struct fl_net_param *q = &l->net->param[i];

		for (size_t j = q->off; j < q->off + q->n; j++)
			l->w[j] = q->kind == FL_RUNNING ? (l->w[j] + wu[j]) / 2 : l->w[j] + wu[j] - l->w0[j];
	}
}

static int learn_unlabelled(struct fl_local *l, const struct fl_phase *like, struct fl_err *e)
{
	const struct fedlabel *p = l->p;
	struct given *s = l->priv;
	struct fl_phase ph = *like;

	if (!(ph.w = fl_local_vec(l, e)) || give_labels(l, s, e))
		return -1;
	memcpy(ph.w, l->w0, l->net->P * sizeof *ph.w);
	ph.id = 1;
	ph.plain = 0;
	ph.on.order = used;
	ph.on.input = input;
	ph.on.loss = loss;
	if (p->epochs != FL_UNSET) {
		ph.epochs = p->epochs;
		ph.steps = FL_UNSET;
	}
	if (fl_local_run(l, &ph, e))
		return -1;
	if (ph.taken)
		add_moves(l, ph.w);
	l->steps += ph.taken;
	return 0;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	return (l->priv = fl_arena_zero(l->arena, 1, sizeof(struct given), e)) ? 0 : -1;
}

static int train(struct fl_local *l, struct fl_err *e)
{
	struct fl_phase ph = fl_local_phase(l);
	struct given *s = l->priv;
	size_t n = l->data->N - l->data->unlabelled;

	ph.plain = ((const struct fedlabel *)l->p)->augment == UNLABELLED;
	if (fl_local_run(l, &ph, e))
		return -1;
	l->steps = ph.taken;
	if (l->data->unlabelled && learn_unlabelled(l, &ph, e))
		return -1;
	n += s->used;
	l->facts.examples = n ? (int64_t)n : 1;	/* an update counts something */
	return 0;
}

const struct fl_method fl_method_fedlabel = {
	.e = {
		.name = "fedlabel",
		.title = "FedLabel",
		.cite = "Cho, Joshi and Dimitriadis, ICCV 2023, arXiv 2307.08809",
		.doc = "unlabelled examples get labels of the surer of two models",
		.params = params,
		.psize = sizeof(struct fedlabel),
		.formula = "w = w_L + w_U - w0; w_U: CE(f(x'), y^) + lambda h_other/h_surer KL(p_other | f(x')), "
			   "y^ of the surer of w0 and w_L, where its probability is above beta",
		.note = "The paper's three stages, after a code of others. Batches are of examples whose "
			"labels are used, where that code takes those out of batches of all. The paper "
			"augments by RandAugment; here by --augment.",
	},
	.flags = FL_METHOD_UNLABELLED,
	.begin = begin,
	.on.order = labelled,
	.train = train,
};
