/* FedGen, the server's half: a generator G of features, from noise e and a class y, whose
 * features the heads of all clients' models take for that class,
 *   min over G of the mean over drawn (e, y) of CE(mean_k head_k(G(e, y)), y) + eta D,
 *   D = exp(-mean over pairs i,j of a batch of |e_i - e_j|^2 |g_i - g_j|_1),
 * where either norm is a mean over its numbers. In place of the ensemble's logits, each head's
 * loss may count as the client's share of the class's examples. Networks may differ below their
 * features. Heads stay, in evaluation. */
#include <string.h>

#include "base/fmath.h"
#include "base/num.h"
#include "fed/distill/distill.h"
#include "fed/generator.h"
#include "kernel/soften.h"

enum ensemble { LOGITS, LOSSES };
enum labels { COUNTS, UNIFORM };
enum at { OUTPUT, HIDDEN };

struct params {
	double eta;
	int ensemble, labels, noise, at;
};

static const char *const ensembles[] = { "logits", "losses", NULL };
static const char *const label_kinds[] = { "counts", "uniform", NULL };
static const char *const noises[] = { "normal", "uniform", NULL };
static const char *const places[] = { "output", "hidden", NULL };

static const struct fl_param table[] = {
	{ "eta", FL_P_REAL, offsetof(struct params, eta), "1", 0, 1e6, NULL, "eta",
	  "weight of the term for diversity" },
	{ "ensemble", FL_P_ENUM, offsetof(struct params, ensemble), "logits", 0, 0, ensembles, "what",
	  "the loss of the mean logits; or losses, by shares of the class" },
	{ "labels", FL_P_ENUM, offsetof(struct params, labels), "counts", 0, 0, label_kinds, "how",
	  "classes as often as clients have them, or each as any other" },
	{ "noise", FL_P_ENUM, offsetof(struct params, noise), "normal", 0, 0, noises, "kind",
	  "N(0,1), or uniform in [0,1)" },
	{ "diversity", FL_P_ENUM, offsetof(struct params, at), "output", 0, 0, places, "where",
	  "of the generator's output, or of what its last layer reads" },
	{ 0 }
};

static const struct fl_fact facts[] = { { "counts", FL_I64, 1, 0 }, { NULL, FL_I64, 0, 0 } };

static const struct fl_want wants[] = {
	{ FL_KIND_STATS, "classmean", FL_WANT_MANY | FL_WANT_OPTIONAL,
	  "of clients that are models: fl-stats -m MODELS classmean CLIENTS" },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

/* The heads of members of one architecture. */
struct seat {
	const struct fl_net *of;
	struct fl_net head;
	struct fl_work work;
	int ready;
};

struct lesson {
	const struct params *p;
	const struct fl_distill_run *r;
	struct fl_generator g;
	double *count;			/* (K,C) examples of a client and class */
	double *total;			/* (C) of all clients */
	struct seat *seat;		/* (nseat) */
	size_t nseat, *at;		/* (K) a member's */
	fl_real *dw;			/* room of backward passes */
	double *z, *dx, *soft;		/* (B,C) mean logits, (B,d), (C) */
	struct fl_course course;
};

/* --- who has how much of a class --- */

/* The class means of a client, which count examples, or NULL. */
static const struct fl_tset *stats_of(const struct fl_tset *const *rec, size_t n, int64_t client)
{
	for (size_t i = 0; i < n; i++) {
		int64_t id = -1;

		if (fl_meta_i64(rec[i], "fl.client", &id, NULL) == 1 && id == client)
			return rec[i];
	}
	return NULL;
}

static int read_counts(struct lesson *l, size_t k, const struct fl_tset *const *rec, size_t n,
                       struct fl_err *e)
{
	const struct fl_member *m = &l->r->member[k];
	const struct fl_tset *stats = stats_of(rec, n, m->client);
	const struct fl_tensor *t = fl_fact_of(&m->rec, "counts");
	size_t C = l->g.C;

	if (!t && stats)
		t = fl_tset_find(stats, "count");
	if (!t)
		return fl_fail(e, FL_EDATA, "nothing says how many examples of a class it has; of a model "
		               "statistic classmean does: fl-stats -m MODELS classmean CLIENTS");
	if (t->dtype != FL_I64 || t->n != C)
		return fl_fail(e, FL_EDATA, "tensor '%s' is not I64 of %zu classes", t->name, C);
	for (size_t c = 0; c < C; c++) {
		int64_t v = ((const int64_t *)t->data)[c];

		if (v < 0)
			return fl_fail(e, FL_EDATA, "tensor '%s': class %zu has %lld examples", t->name, c,
			               (long long)v);
		l->count[k * C + c] = (double)v;
		l->total[c] += (double)v;
	}
	return 0;
}

/* The generator's classes: as often as clients have them; or equal, those of which some client
 * has more than one example. */
static int set_shares(struct lesson *l, struct fl_err *e)
{
	double sum = 0;

	for (size_t c = 0; c < l->g.C; c++) {
		double most = 0;

		for (size_t k = 0; k < l->r->K; k++)
			most = l->count[k * l->g.C + c] > most ? l->count[k * l->g.C + c] : most;
		l->g.share[c] = l->p->labels == COUNTS ? l->total[c] : most > 1;
		sum += l->g.share[c];
	}
	if (!(sum > 0))
		return fl_fail(e, FL_EDATA, "%s: no client has %s", l->r->who, l->p->labels == COUNTS ?
		               "an example with a class" : "two examples of a class");
	for (size_t c = 0; c < l->g.C; c++)
		l->g.share[c] /= sum;
	return 0;
}

static int count_classes(struct lesson *l, struct fl_err *e)
{
	struct fl_arena *a = l->r->arena;
	const struct fl_tset **rec;
	size_t n;

	if (fl_mul(l->r->K, l->g.C, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(l->count = fl_arena_zero(a, n, sizeof *l->count, e)) ||
	    !(l->total = fl_arena_zero(a, l->g.C, sizeof *l->total, e)) ||
	    !(rec = fl_with_all(l->r->with, wants, l->r->who, a, &n, e)))
		return -1;
	for (size_t k = 0; k < l->r->K; k++)
		if (read_counts(l, k, rec, n, e))
			return fl_fail_in(e, "client %lld", (long long)l->r->member[k].client);
	return set_shares(l, e);
}

/* --- heads --- */

static int open_seat(struct seat *s, const struct fl_net *net, size_t B, struct fl_err *e)
{
	s->of = net;
	if (fl_net_head(&s->head, net, fl_net_feature_at(net), e))
		return -1;
	s->ready = 1;
	if (fl_work_init(&s->work, &s->head, B, FL_WORK_INPUT, e))
		return -1;
	s->work.dinput = FL_DINPUT_ALONE;
	return 0;
}

static int check_member(const struct lesson *l, const struct fl_net *net, struct fl_err *e)
{
	if (net->classes != l->g.C)
		return fl_fail(e, FL_EDATA, "its model tells %zu classes apart, others %zu", net->classes,
		               l->g.C);
	return net->features == l->g.net->classes ? 0 :
	       fl_fail(e, FL_EDATA, "its model has %zu features, the generator makes %zu",
	               net->features, l->g.net->classes);
}

static int open_seats(struct lesson *l, struct fl_err *e)
{
	const struct fl_distill_run *r = l->r;
	size_t most = 0;

	if (!(l->seat = fl_arena_zero(r->arena, r->K, sizeof *l->seat, e)) ||
	    !(l->at = fl_arena_zero(r->arena, r->K, sizeof *l->at, e)))
		return -1;
	for (size_t k = 0; k < r->K; k++) {
		const struct fl_net *net = r->member[k].net;
		size_t i = 0;

		while (i < l->nseat && l->seat[i].of != net)
			i++;
		l->at[k] = i;
		if (i == l->nseat && (check_member(l, net, e) ||
		                      open_seat(&l->seat[l->nseat++], net, l->course.N, e)))
			return fl_fail_in(e, "client %lld", (long long)r->member[k].client);
		most = net->P > most ? net->P : most;
	}
	return (l->dw = fl_arena_get(r->arena, most, sizeof *l->dw, e)) ? 0 : -1;
}

/* What member k's head says of the generated features g(B,d): logits (B,C). */
static const fl_real *judge(struct lesson *l, size_t k, const fl_real *g, size_t B)
{
	struct seat *s = &l->seat[l->at[k]];

	memcpy(s->work.act[0], g, B * l->g.net->classes * sizeof *g);
	fl_net_forward(&s->head, &s->work, l->r->member[k].w, B, 0, NULL);
	return s->work.act[s->head.nlayer];
}

/* Adds the gradient by the features of the loss whose gradient by the logits stands there. */
static void judge_back(struct lesson *l, size_t k, size_t B)
{
	struct seat *s = &l->seat[l->at[k]];
	const fl_real *dx = s->work.dact[0];

	fl_net_backward(&s->head, &s->work, l->r->member[k].w, l->dw, B, NULL, NULL, NULL);
	for (size_t i = 0; i < B * l->g.net->classes; i++)
		l->dx[i] += (double)dx[i];
}

/* --- the loss --- */

static double of_mean_logits(struct lesson *l, const fl_real *g, const int32_t *y, size_t B)
{
	size_t C = l->g.C, K = l->r->K;
	double loss = 0;

	memset(l->z, 0, B * C * sizeof *l->z);
	for (size_t k = 0; k < K; k++) {
		const fl_real *z = judge(l, k, g, B);

		for (size_t i = 0; i < B * C; i++)
			l->z[i] += (double)z[i] / (double)K;
	}
	for (size_t b = 0; b < B; b++) {
		double of_y = l->z[b * C + (size_t)y[b]];

		loss += fl_soften(l->z + b * C, C, 1, l->z + b * C) - of_y;
		l->z[b * C + (size_t)y[b]] -= 1;
	}
	for (size_t k = 0; k < K; k++) {
		struct seat *s = &l->seat[l->at[k]];
		fl_real *dz = s->work.dact[s->head.nlayer];

		judge(l, k, g, B);
		for (size_t i = 0; i < B * C; i++)
			dz[i] = (fl_real)(l->z[i] / (double)(K * B));
		judge_back(l, k, B);
	}
	return loss / (double)B;
}

static double of_each(struct lesson *l, const fl_real *g, const int32_t *y, size_t B)
{
	size_t C = l->g.C;
	double loss = 0;

	for (size_t k = 0; k < l->r->K; k++) {
		struct seat *s = &l->seat[l->at[k]];
		const fl_real *z = judge(l, k, g, B);
		fl_real *dz = s->work.dact[s->head.nlayer];

		for (size_t b = 0; b < B; b++, z += C, dz += C) {
			size_t t = (size_t)y[b];
			double by = l->count[k * C + t] / l->total[t] / (double)B;

			loss += by * (fl_soften_row(z, C, 1, l->soft) - (double)z[t]);
			for (size_t c = 0; c < C; c++)
				dz[c] = (fl_real)(by * (l->soft[c] - (c == t)));
		}
		judge_back(l, k, B);
	}
	return loss;
}

/* eta D of v(B,d), whose gradient is added to dv, as each batch's noise is. */
static double diversity(struct lesson *l, const fl_real *v, fl_real *dv, size_t B, size_t d)
{
	const fl_real *x = l->course.bench.work.act[0];
	size_t in = l->g.noise + l->g.C, m = l->g.noise;
	double sum = 0, loss, by;

	memset(l->dx, 0, B * d * sizeof *l->dx);
	for (size_t i = 0; i < B; i++)
		for (size_t j = 0; j < B; j++) {
			double noise = 0, far = 0;

			for (size_t t = 0; t < m; t++) {
				double s = (double)x[i * in + t] - (double)x[j * in + t];

				noise += s * s / (double)m;
			}
			for (size_t t = 0; t < d; t++) {
				double s = (double)v[i * d + t] - (double)v[j * d + t];

				far += s < 0 ? -s : s;
				l->dx[i * d + t] += noise * ((s > 0) - (s < 0));
			}
			sum += noise * far / (double)d;
		}
	loss = l->p->eta * fl_exp(-sum / (double)(B * B));
	by = -2 * loss / (double)(B * B * d);
	for (size_t i = 0; i < B * d; i++)
		dv[i] = (fl_real)((double)dv[i] + by * l->dx[i]);
	return loss;
}

/* --- hooks --- */

static void load(void *ctx, const uint32_t *idx, size_t i0, size_t B)
{
	struct lesson *l = ctx;
	struct fl_bench *b = &l->course.bench;
	size_t in = l->g.noise + l->g.C;
	struct fl_rng r;

	(void)idx;
	(void)i0;
	fl_course_rng(&l->course, &r);
	for (size_t i = 0; i < B; i++) {
		b->y[i] = fl_generator_class(&l->g, &r);
		fl_generator_input(&l->g, &r, b->y[i], b->work.act[0] + i * in);
	}
}

static double task(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B, size_t d)
{
	struct lesson *l = ctx;
	double loss;

	memset(l->dx, 0, B * d * sizeof *l->dx);
	loss = l->p->ensemble == LOGITS ? of_mean_logits(l, z, y, B) : of_each(l, z, y, B);
	for (size_t i = 0; i < B * d; i++)
		dz[i] = (fl_real)l->dx[i];
	return l->p->at == OUTPUT ? loss + diversity(l, z, dz, B, d) : loss;
}

static double features(void *ctx, const fl_real *h, const int32_t *y, fl_real *dh, size_t B,
                       size_t d)
{
	(void)y;
	return diversity(ctx, h, dh, B, d);
}

/* --- the lesson --- */

static int get_room(struct lesson *l, struct fl_err *e)
{
	const struct fl_net *g = l->g.net;
	size_t d = g->classes > g->features ? g->classes : g->features, B = l->course.N, n, m;

	if (fl_mul(B, l->g.C, &n) || fl_mul(B, d, &m))
		return fl_fail_mem(e, SIZE_MAX);
	return (l->z = fl_arena_get(l->r->arena, n, sizeof *l->z, e)) &&
	       (l->dx = fl_arena_get(l->r->arena, m, sizeof *l->dx, e)) &&
	       (l->soft = fl_arena_get(l->r->arena, l->g.C, sizeof *l->soft, e)) ? 0 : -1;
}

static int run(const void *pp, struct fl_distill_run *r, struct fl_err *e)
{
	struct fl_student *to = r->student;
	const struct fl_net *first = r->member->net;
	struct lesson l = { .p = pp, .r = r };
	int rc = -1;

	l.course = (struct fl_course){
		.net = to->net, .w = to->w, .N = (size_t)r->lesson->batch, .ctx = &l,
		.on = { .load = load, .task = task, .features = l.p->at == HIDDEN ? features : NULL },
	};
	if (!fl_generator_of(&l.g, to->net, NULL, first->classes, first->features, r->arena, e) &&
	    !count_classes(&l, e) && !open_seats(&l, e) && !get_room(&l, e)) {
		l.g.kind = l.p->noise;
		rc = fl_course_run(r->lesson, &l.course, &to->loss, e) ||
		     fl_generator_write(&l.g, &r->extra, e) ? -1 : 0;
	}
	for (size_t i = 0; i < l.nseat && l.seat[i].ready; i++) {
		fl_work_release(&l.seat[i].work);
		fl_net_release(&l.seat[i].head);
	}
	return rc;
}

const struct fl_distill fl_distill_fedgen = {
	.e = {
		.name = "fedgen",
		.title = "FedGen",
		.cite = "Zhu, Hong and Zhou, ICML 2021, arXiv 2105.10056",
		.doc = "a generator of features that all clients' heads classify",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "min over G of E CE(mean_k head_k(G(e,y)), y) + "
			   "eta exp(-mean |e_i - e_j|^2 |g_i - g_j|_1)",
		.note = "The paper's objective: the loss of the mean logits, y by the clients' counts, normal "
			"noise. The code of the authors differs: ensemble=losses,labels=uniform,noise=uniform, "
			"and batch normalisation in G, arch generator:norm=batch, which trains G by Adam with "
			"lr=0.0003,wd=0.01 for 50 batches a round and keeps its moments; here they begin afresh. "
			"The term for diversity follows the code, which measures it at the output.",
	},
	.needs = FL_DISTILL_MEMBERS | FL_DISTILL_OTHER,
	.epochs = 50,
	.facts = facts,
	.with = wants,
	.run = run,
};
