/* FedGen, a client's half: beside its examples it learns from the server's generator G of
 * features for its head (the layers above the features),
 *   F_k + alpha_t (m/B) CE(head(G(e', y')), y') + beta_t KL(p(head(G(e, y))) | p(w, x)),
 * the first over m drawn classes y' in each step, the second over the batch's own classes y,
 * its target held fixed; alpha_t = alpha decay^t in round t = 0, 1, ... The generator is a
 * record of --with. G and the head speak as in evaluation. */
#include <string.h>

#include "base/fmath.h"
#include "fed/client/client.h"
#include "fed/generator.h"
#include "kernel/soften.h"
#include "model/model.h"

struct fedgen {
	double alpha, beta, decay;
	int64_t samples, epochs;
};

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct fedgen, alpha), "1", 0, 1e6, NULL, "alpha",
	  "weight of the loss of drawn features" },
	{ "beta", FL_P_REAL, offsetof(struct fedgen, beta), "0", 0, 1e6, NULL, "beta",
	  "weight of what the head says of features of the batch's classes" },
	{ "decay", FL_P_REAL, offsetof(struct fedgen, decay), "1", 0, 1, NULL, "x",
	  "what both weights lose with each round" },
	{ "samples", FL_P_INT, offsetof(struct fedgen, samples), NULL, 1, 1 << 20, NULL, "m",
	  "features drawn in each step; unset: as many as examples" },
	{ "epochs", FL_P_INT, offsetof(struct fedgen, epochs), NULL, 0, 1e9, NULL, "n",
	  "epochs of the round that learn from the generator; unset: all" },
	{ 0 }
};

static const struct fl_want wants[] = {
	{ FL_KIND_MODEL, NULL, 0, "the generator, a model of fl-init -a generator and fl-distill -M fedgen" },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

struct tutor {
	double alpha, beta;		/* of this round */
	struct fl_net net, head;	/* the generator's; the client's own, a view */
	struct fl_generator g;
	struct fl_work draw, judge;	/* of these, for B features */
	size_t B;
	fl_real *w, *dw;		/* (net.P), (P) the head's gradient, alpha_t times */
	double *p, *q;			/* (C) */
	int32_t *y;			/* (B) drawn classes */
	int has_net, has_head;
};

/* --- beginning --- */

/* Room for features of a batch, and for those that are drawn. */
static int get_room(struct fl_local *l, struct tutor *t, struct fl_err *e)
{
	const struct fedgen *p = l->p;
	size_t batch = (size_t)l->cfg->batch < l->data->N ? (size_t)l->cfg->batch : l->data->N;

	t->B = p->samples != FL_UNSET && (size_t)p->samples > batch ? (size_t)p->samples : batch;
	if (!(t->dw = fl_local_vec(l, e)) || !(t->y = fl_arena_get(l->arena, t->B, sizeof *t->y, e)) ||
	    !(t->p = fl_arena_get(l->arena, l->net->classes, sizeof *t->p, e)) ||
	    !(t->q = fl_arena_get(l->arena, l->net->classes, sizeof *t->q, e)))
		return -1;
	return fl_work_init(&t->draw, &t->net, t->B, FL_WORK_FORWARD, e) ||
	       fl_work_init(&t->judge, &t->head, t->B, FL_WORK_TRAIN, e) ? -1 : 0;
}

static int open_generator(struct fl_local *l, struct tutor *t, const struct fl_tset *rec,
                          struct fl_err *e)
{
	if (fl_model_of(&t->net, rec, e))
		return -1;
	t->has_net = 1;
	return (t->w = fl_arena_zero(l->arena, t->net.P, sizeof *t->w, e)) &&
	       !fl_net_import(&t->net, rec, "", FL_ABSENT_REFUSE, t->w, e) ?
	       fl_generator_of(&t->g, &t->net, rec, l->net->classes, l->net->features, l->arena, e) : -1;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct fedgen *p = l->p;
	const struct fl_tset *rec = fl_local_with(l, e);
	struct tutor *t = fl_arena_zero(l->arena, 1, sizeof *t, e);
	double by = fl_pow(p->decay, (double)(l->round - 1));

	if (!(l->priv = t) || !rec)
		return -1;
	t->alpha = p->alpha * by;
	t->beta = p->beta * by;
	if (open_generator(l, t, rec, e))
		return fl_fail_in(e, "--with");
	if (fl_net_head(&t->head, l->net, fl_net_feature_at(l->net), e))
		return -1;
	t->has_head = 1;
	return get_room(l, t, e);
}

static void release(struct fl_local *l)
{
	struct tutor *t = l->priv;

	if (!t)
		return;
	fl_work_release(&t->draw);
	fl_work_release(&t->judge);
	if (t->has_head)
		fl_net_release(&t->head);
	if (t->has_net)
		fl_net_release(&t->net);
}

/* --- a step --- */

/* What the head at w says of n features of classes y, drawn anew: logits (n,C). */
static const fl_real *judge(struct tutor *t, const fl_real *w, struct fl_rng *r, const int32_t *y,
                            size_t n)
{
	size_t in = t->g.noise + t->g.C;

	for (size_t b = 0; b < n; b++)
		fl_generator_input(&t->g, r, y[b], t->draw.act[0] + b * in);
	fl_net_forward(&t->net, &t->draw, t->w, n, 0, NULL);
	memcpy(t->judge.act[0], t->draw.act[t->net.nlayer], n * t->net.classes * sizeof *w);
	fl_net_forward(&t->head, &t->judge, w, n, 0, NULL);
	return t->judge.act[t->head.nlayer];
}

/* alpha CE of n drawn features; its gradient in dw. */
static double learn_drawn(struct fl_local *l, struct fl_rng *r, size_t n, double alpha)
{
	struct tutor *t = l->priv;
	size_t C = t->g.C;
	fl_real *dz = t->judge.dact[t->head.nlayer];
	const fl_real *z;
	double loss = 0;

	for (size_t b = 0; b < n; b++)
		t->y[b] = fl_generator_class(&t->g, r);
	z = judge(t, l->loop->w, r, t->y, n);
	for (size_t b = 0; b < n; b++, z += C, dz += C) {
		size_t y = (size_t)t->y[b];

		loss += fl_soften_row(z, C, 1, t->p) - (double)z[y];
		for (size_t c = 0; c < C; c++)
			dz[c] = (fl_real)(alpha * (t->p[c] - (c == y)) / (double)n);
	}
	fl_net_backward(&t->head, &t->judge, l->loop->w, t->dw, n, NULL, NULL, NULL);
	return alpha * loss / (double)n;
}

/* beta KL(what the head says of features of the same classes | what the net says of x). */
static double learn_kin(struct fl_local *l, struct fl_rng *r, const fl_real *z, const int32_t *y,
                        fl_real *dz, size_t B)
{
	struct tutor *t = l->priv;
	size_t C = t->g.C;
	const fl_real *of = judge(t, l->loop->w, r, y, B);
	double loss = 0;

	for (size_t b = 0; b < B; b++, z += C, of += C, dz += C) {
		double lp = fl_soften_row(z, C, 1, t->p), lq = fl_soften_row(of, C, 1, t->q);

		for (size_t c = 0; c < C; c++) {
			loss += t->q[c] * ((double)of[c] - lq - (double)z[c] + lp);
			dz[c] = (fl_real)((double)dz[c] + t->beta * (t->p[c] - t->q[c]) / (double)B);
		}
	}
	return t->beta * loss / (double)B;
}

/* Whether this epoch learns from the generator. */
static int is_on(const struct fl_local *l)
{
	const struct fedgen *p = l->p;

	return p->epochs == FL_UNSET || l->loop->epoch < p->epochs;
}

static double loss(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                   size_t C)
{
	const struct fedgen *p = l->p;
	struct tutor *t = l->priv;
	size_t n = p->samples == FL_UNSET ? B : (size_t)p->samples;
	double sum = 0;
	struct fl_rng r;

	(void)C;
	fl_rng_init(&r, l->cfg->seed, (uint64_t)l->round, (uint64_t)l->client, FL_RNG_METHOD,
	            l->loop->t);
	if (t->alpha > 0 && is_on(l))
		sum += learn_drawn(l, &r, n, t->alpha * (double)n / (double)B);
	if (t->beta > 0 && is_on(l))
		sum += learn_kin(l, &r, z, y, dz, B);
	return sum;
}

/* The head's parameters lie where the net has them. */
static void grad(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct tutor *t = l->priv;

	(void)w;
	for (size_t i = begin; t->alpha > 0 && is_on(l) && i < end; i++)
		g[i - begin] += t->dw[i];
}

const struct fl_method fl_method_fedgen = {
	.e = {
		.name = "fedgen",
		.title = "FedGen",
		.cite = "Zhu, Hong and Zhou, ICML 2021, arXiv 2105.10056",
		.doc = "the head learns from features that the server's generator draws, too",
		.params = params,
		.psize = sizeof(struct fedgen),
		.formula = "F_k + alpha CE(head(G(e',y')), y') + beta KL(p(head(G(e,y))) | p(w,x))",
		.note = "The paper's objective; the code of the authors has beta, and "
			"alpha=10,beta=10,decay=0.98,samples=32,epochs=20, from the second round on, "
			"with heads and models that speak of G as in training.",
	},
	.flags = FL_METHOD_LABELS,
	.with = wants,
	.begin = begin,
	.on = { .loss = loss, .grad = grad },
	.release = release,
};
