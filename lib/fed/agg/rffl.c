/* RFFL: a client is given as much of the others' work as its reputation allows.
 *
 *   d_i = u_i min(1, clip / |u_i|),   u = sum_i r_i d_i     (r_i by examples in the first round)
 *   r_i <- alpha r_i + (1 - alpha) cos(d_i, u), then r / sum r
 *   after some rounds r_i <- 0 for good where r_i < beta / |R|, R those not yet left out
 *   w_i <- w_i + d_i + top_i(u): of each tensor the q_i n largest by magnitude, q_i = r_i / max r
 *
 * Norms and cosines leave out running statistics, which each client keeps as its own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fed/agg/agg.h"
#include "kernel/vmath.h"
#include "tensor/running.h"

struct params {
	double alpha, beta, clip;
	int64_t from;
};

static const struct fl_param table[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "0.95", 0, 1, NULL, "a",
	  "what a reputation keeps of the round before" },
	{ "beta", FL_P_REAL, offsetof(struct params, beta), "0.3333333333333333", 0, 1, NULL, "b",
	  "share of the mean reputation below which a client is left out" },
	{ "from", FL_P_INT, offsetof(struct params, from), "10", 0, 1e9, NULL, "n",
	  "rounds in which nobody is left out" },
	{ "clip", FL_P_REAL, offsetof(struct params, clip), NULL, 1e-300, 1e300, NULL, "norm",
	  "updates are shortened to it; unset: they are not" },
	{ 0 }
};

enum { REPUTATION, LEFT_OUT, NROW };

struct ctx {
	const struct params *p;
	const struct fl_round *r;
	struct fl_tset *out;
	size_t T;
	const char **name;	/* (T) of what is combined */
	float **u;		/* (T) the sum */
	float **order;		/* (T) its magnitudes, ascending */
	size_t *n;		/* (T) */
	const float **x;	/* (K,T) updates */
	double *w, *scale;	/* (K) what counts in the sum; of clipping */
	double *rep;		/* (K) */
	struct fl_arena a;
};

static int list_tensors(struct ctx *c, struct fl_err *e)
{
	const struct fl_tset *first = c->r->update[0];

	if (!(c->name = fl_arena_get(&c->a, first->nt, sizeof *c->name, e)) ||
	    !(c->u = fl_arena_get(&c->a, first->nt, sizeof *c->u, e)) ||
	    !(c->order = fl_arena_get(&c->a, first->nt, sizeof *c->order, e)) ||
	    !(c->n = fl_arena_get(&c->a, first->nt, sizeof *c->n, e)))
		return -1;
	for (size_t i = 0; i < first->nt; i++) {
		const struct fl_tensor *t = &first->t[i];

		if (fl_tensor_is_extra(t) || fl_tensor_is_running(t))
			continue;
		c->name[c->T] = t->name;
		c->n[c->T] = t->n;
		if (!(c->u[c->T] = fl_arena_get(&c->a, t->n, sizeof **c->u, e)) ||
		    !(c->order[c->T] = fl_arena_get(&c->a, t->n, sizeof **c->order, e)))
			return -1;
		c->T++;
	}
	return 0;
}

static const struct fl_tensor *tensor_of(const struct ctx *c, size_t k, size_t t)
{
	return fl_tset_find(c->r->update[k], c->name[t]);
}

/* The updates' data, which must be the same tensors of the same shapes. */
static int list_updates(struct ctx *c, struct fl_err *e)
{
	if (!(c->x = fl_arena_get(&c->a, c->r->K * c->T, sizeof *c->x, e)))
		return -1;
	for (size_t k = 0; k < c->r->K; k++) {
		const struct fl_tset *u = c->r->update[k];
		size_t n = 0;

		for (size_t t = 0; t < c->T; t++) {
			const struct fl_tensor *x = tensor_of(c, k, t), *first = tensor_of(c, 0, t);

			if (!x || !fl_tensor_same_shape(x, first))
				return fl_fail(e, FL_EDATA, "client %lld: tensor '%s' is missing or has another "
				               "shape: rule rffl compares updates that hold the same tensors",
				               (long long)c->r->u[k].client, c->name[t]);
			c->x[k * c->T + t] = x->data;
		}
		for (size_t i = 0; i < u->nt; i++)
			n += !fl_tensor_is_extra(&u->t[i]) && !fl_tensor_is_running(&u->t[i]);
		if (n != c->T)
			return fl_fail(e, FL_EDATA, "client %lld: holds tensors that client %lld does not: rule "
			               "rffl compares updates that hold the same tensors",
			               (long long)c->r->u[k].client, (long long)c->r->u[0].client);
	}
	return 0;
}

static int clip_updates(struct ctx *c, struct fl_err *e)
{
	if (!(c->scale = fl_arena_get(&c->a, c->r->K, sizeof *c->scale, e)))
		return -1;
	for (size_t k = 0; k < c->r->K; k++) {
		double square = 0, norm;

		for (size_t t = 0; t < c->T; t++)
			square += fl_vsumsq(c->x[k * c->T + t], c->n[t]);
		norm = sqrt(square);
		c->scale[k] = norm > c->p->clip ? c->p->clip / norm : 1;
	}
	return 0;
}

/* Reputations as they stand, with sum 1 over those here; a newcomer has the mean. */
static int find_weights(struct ctx *c, struct fl_err *e)
{
	const struct fl_round *r = c->r;
	double sum = 0;

	if (!(c->w = fl_arena_get(&c->a, r->K, sizeof *c->w, e)) ||
	    !(c->rep = fl_arena_get(&c->a, r->K, sizeof *c->rep, e)))
		return -1;
	for (size_t k = 0; k < r->K; k++) {
		c->rep[k] = r->row[k] ? r->row[k][REPUTATION] : r->known->n ? 1 / (double)r->K : 0;
		c->w[k] = r->known->n ? c->rep[k] : (double)r->u[k].examples;
		sum += c->w[k];
	}
	if (!(sum > 0))
		return fl_fail(e, FL_ENUM, "rule rffl: the reputations of those here sum to %g", sum);
	for (size_t k = 0; k < r->K; k++)
		c->w[k] /= sum;
	return 0;
}

static int cmp_float(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* u, and the order of its magnitudes. */
static int combine(struct ctx *c, struct fl_err *e)
{
	for (size_t t = 0; t < c->T; t++) {
		for (size_t i = 0; i < c->n[t]; i++) {
			double sum = 0;

			for (size_t k = 0; k < c->r->K; k++)
				sum += c->w[k] * (c->scale[k] * (double)c->x[k * c->T + t][i]);
			c->u[t][i] = (float)sum;
			c->order[t][i] = fabsf(c->u[t][i]);
			if (!isfinite(c->u[t][i]))
				return fl_fail(e, FL_ENUM, "tensor '%s': element %zu becomes non-finite",
				               c->name[t], i);
		}
		if (c->n[t])
			qsort(c->order[t], c->n[t], sizeof **c->order, cmp_float);
	}
	return 0;
}

static double cosine(const struct ctx *c, size_t k)
{
	double dot = 0, mine = 0, all = 0;

	for (size_t t = 0; t < c->T; t++) {
		const float *x = c->x[k * c->T + t];

		dot += fl_vdot(x, c->u[t], c->n[t]);
		mine += fl_vsumsq(x, c->n[t]);
		all += fl_vsumsq(c->u[t], c->n[t]);
	}
	return mine > 0 && all > 0 ? dot / sqrt(mine) / sqrt(all) : 0;
}

static int normalise(struct ctx *c, struct fl_err *e)
{
	double sum = 0;

	for (size_t k = 0; k < c->r->K; k++)
		sum += c->rep[k];
	if (!(sum > 0))
		return fl_fail(e, FL_ENUM, "rule rffl: the reputations of those here sum to %g", sum);
	for (size_t k = 0; k < c->r->K; k++)
		c->rep[k] /= sum;
	return 0;
}

static int update_reputations(struct ctx *c, struct fl_err *e)
{
	const struct fl_round *r = c->r;
	size_t left = 0;

	for (size_t k = 0; k < r->K; k++) {
		int out = r->row[k] && r->row[k][LEFT_OUT] > 0;

		r->keep[k][LEFT_OUT] = out;
		left += !out;
		c->rep[k] = out ? 0 : c->p->alpha * c->rep[k] + (1 - c->p->alpha) * cosine(c, k);
	}
	if (normalise(c, e))
		return -1;
	for (size_t k = 0; k < r->K && r->round - r->known->since >= c->p->from; k++)
		if (c->rep[k] < c->p->beta / (double)left) {
			c->rep[k] = 0;
			r->keep[k][LEFT_OUT] = 1;
		}
	if (normalise(c, e))
		return -1;
	for (size_t k = 0; k < r->K; k++)
		r->keep[k][REPUTATION] = c->rep[k];
	return 0;
}

/* x += d + what the quota leaves of u. */
static int reward(const struct ctx *c, size_t k, size_t t, double quota, float *x, struct fl_err *e)
{
	const float *d = c->x[k * c->T + t];
	size_t n = c->n[t], many = quota > 0 ? (size_t)ceil(quota * (double)n) : 0;
	float least = many ? c->order[t][n - (many < n ? many : n)] : 0;

	for (size_t i = 0; i < n; i++) {
		double v = (double)x[i] + c->scale[k] * (double)d[i];

		x[i] = (float)(many && fabsf(c->u[t][i]) >= least ? v + (double)c->u[t][i] : v);
		if (!isfinite(x[i]))
			return fl_fail(e, FL_ENUM, "client %lld: tensor '%s': element %zu becomes non-finite",
			               (long long)c->r->u[k].client, c->name[t], i);
	}
	return 0;
}

static int make_model(const struct ctx *c, size_t k, double quota, struct fl_err *e)
{
	const struct fl_tset *model = c->r->model[k];

	for (size_t i = 0; i < model->nt; i++) {
		const struct fl_tensor *d = fl_tset_find(c->r->update[k], model->t[i].name);
		struct fl_tensor *x = fl_tset_copy(&c->out[k], NULL, &model->t[i], e);

		if (!x)
			return -1;
		for (size_t j = 0; d && fl_tensor_is_running(d) && j < d->n; j++)
			((float *)x->data)[j] += ((const float *)d->data)[j];
	}
	for (size_t t = 0; t < c->T; t++)
		if (reward(c, k, t, quota, fl_tset_find(&c->out[k], c->name[t])->data, e))
			return -1;
	return 0;
}

static int make_models(const struct ctx *c, struct fl_err *e)
{
	double most = 0;

	for (size_t k = 0; k < c->r->K; k++)
		most = c->rep[k] > most ? c->rep[k] : most;
	for (size_t k = 0; k < c->r->K; k++)
		if (make_model(c, k, c->rep[k] / most, e))
			return -1;
	return 0;
}

static int whole(const void *p, const struct fl_round *r, struct fl_tset *out, struct fl_err *e)
{
	struct ctx c = { .p = p, .r = r, .out = out };
	int rc = list_tensors(&c, e) || list_updates(&c, e) || clip_updates(&c, e) ||
	         find_weights(&c, e) || combine(&c, e) || update_reputations(&c, e) ||
	         make_models(&c, e) ? -1 : 0;

	fl_arena_release(&c.a);
	return rc;
}

const struct fl_rule fl_rule_rffl = {
	.e = {
		.name = "rffl",
		.title = "RFFL",
		.cite = "Xu, Lyu, FL-ICML 2021, arXiv 2011.10464",
		.doc = "personal models: a client gets of the sum what its reputation allows",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "w_i = w_i + u_i + top_q(sum_j r_j u_j), q_i = r_i / max r, "
			   "r_i = a r_i + (1-a) cos(u_i, sum)",
		.note = "In the first round updates count by examples. A client that comes later begins with "
			"the mean reputation of those here; those away keep theirs. The paper clips at 0.5 "
			"(MNIST) or 1. Its released code drops the smallest element of a full quota.",
	},
	.personal = 1,
	.nrow = NROW,
	.whole = whole,
};
