/* FedCAC: personal models from cautious collaboration.
 * Wu et al., "Bold but cautious: unlocking the potential of personalized
 * federated learning through cautiously aggressive collaboration", ICCV 2023.
 * Clients mark their critical weights, m_i in {0,1}; w_i are their models:
 *
 *   O_ij = 1 - sum |m_i - m_j| / (2 sum m_i)                   i != j
 *   T    = mean O + (t+1)/beta (max O - mean O)                t = 0, 1, ...
 *   C_i  = { i } and all j with O_ij >= T
 *   w_i <- m_i mean of w_j over C_i + (1 - m_i) mean of all w_j
 *
 * The mean of all is FedAvg's. Without critical weights O_ij is 0. Running statistics
 * are no weights, so none of them is critical: a mask of theirs is passed over. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/par.h"
#include "fed/agg/agg.h"
#include "fed/share.h"
#include "tensor/running.h"

#define MASK "@fedcac/mask/"

struct params {
	double beta;
	int weight;
};

static const struct fl_param table[] = {
	{ "beta", FL_P_REAL, offsetof(struct params, beta), "100", 1e-6, 1e9, NULL, "rounds",
	  "after about so many, nobody collaborates on critical weights" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0,
	  fl_share_name, "kind",
	  "what a model counts in the mean of all" },
	{ 0 }
};

/* One tensor of one client. */
struct cell {
	const float *base, *change;
	const uint8_t *mask;	/* NULL: nothing is critical */
	float *out;
};

struct ctx {
	const struct params *p;
	const struct fl_round *r;
	struct fl_tset *out;	/* (K) */
	size_t K, T;
	const char **name;	/* (T) */
	size_t *n;		/* (T) elements */
	struct cell *cell;	/* (K,T) */
	size_t *ones;		/* (K) critical weights */
	size_t *differ;		/* (K,K) symmetric */
	double *share;		/* (K) in the mean of all, adds up to 1 */
	unsigned char *with;	/* (K,K) j is in C_i */
	double *mean;		/* of the tensor in work */
	size_t tensor;
	struct fl_arena a;
};

/* --- what was sent --- */

static const uint8_t *get_mask(struct ctx *c, const struct fl_tset *u, const struct fl_tensor *t,
                               struct fl_err *e)
{
	char *name = fl_arena_fmt(&c->a, e, MASK "%s", t->name);
	const struct fl_tensor *m = name ? fl_tset_find(u, name) : NULL;
	const uint8_t *v;
	size_t i;

	if (!name)
		return NULL;
	if (!m || m->dtype != FL_U8 || !fl_tensor_same_shape(m, t)) {
		fl_fail(e, FL_EDATA, "tensor '%s' is %s", name,
		        m ? "not U8 of its tensor's shape" : "missing; rule fedcac needs it");
		return NULL;
	}
	for (v = m->data, i = 0; i < m->n; i++)
		if (v[i] > 1) {
			fl_fail(e, FL_EDATA, "tensor '%s': element %zu is %u, want 0 or 1", name, i,
			        v[i]);
			return NULL;
		}
	return m->n ? v : (const uint8_t *)"";
}

/* Its result begins as the model it had. */
static int start_result(struct ctx *c, size_t k, struct fl_err *e)
{
	const struct fl_tset *model = c->r->model[k];
	size_t i;

	for (i = 0; i < model->nt; i++)
		if (!fl_tset_copy(&c->out[k], NULL, &model->t[i], e))
			return -1;
	return 0;
}

static int fill_cell(struct ctx *c, size_t k, size_t i, struct fl_err *e)
{
	struct cell *x = &c->cell[k * c->T + i];
	const struct fl_tensor *t = fl_tset_find(c->r->update[k], c->name[i]);
	const struct fl_tensor *model = fl_tset_find(c->r->model[k], c->name[i]);
	size_t j;

	if (!t || t->n != c->n[i])
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s; rule fedcac wants the same tensors "
		               "from every client", c->name[i], t ? "of another size" : "missing");
	x->change = t->data;
	x->base = model->data;
	x->out = fl_tset_find(&c->out[k], c->name[i])->data;
	if (fl_tensor_is_running(t))
		return 0;
	if (!(x->mask = get_mask(c, c->r->update[k], t, e)))
		return -1;
	for (j = 0; j < t->n; j++)
		c->ones[k] += x->mask[j];
	return 0;
}

static size_t list_names(const struct fl_tset *u, const char **name, size_t *n)
{
	size_t i, T = 0;

	for (i = 0; i < u->nt; i++) {
		if (fl_tensor_is_extra(&u->t[i]))
			continue;
		if (name) {
			name[T] = u->t[i].name;
			n[T] = u->t[i].n;
		}
		T++;
	}
	return T;
}

static int gather(struct ctx *c, struct fl_err *e)
{
	size_t k, i;

	list_names(c->r->update[0], c->name, c->n);
	for (k = 0; k < c->K; k++) {
		int rc = start_result(c, k, e);

		if (!rc && list_names(c->r->update[k], NULL, NULL) != c->T)
			rc = fl_fail(e, FL_EDATA, "rule fedcac wants the same tensors from every client");
		for (i = 0; !rc && i < c->T; i++)
			rc = fill_cell(c, k, i, e);
		if (rc)
			return fl_fail_in(e, "client %lld", (long long)c->r->u[k].client);
	}
	return 0;
}

/* --- who collaborates --- */

static size_t count_different(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i, d = 0;

	for (i = 0; i < n; i++)
		d += a[i] ^ b[i];
	return d;
}

static int compare(void *ctx, size_t i, int thread, struct fl_err *e)
{
	struct ctx *c = ctx;
	size_t j, t;

	(void)thread;
	(void)e;
	for (j = 0; j < i; j++)
		for (t = 0; t < c->T; t++) {
			const uint8_t *a = c->cell[i * c->T + t].mask, *b = c->cell[j * c->T + t].mask;

			if (a && b)
				c->differ[i * c->K + j] += count_different(a, b, c->n[t]);
		}
	return 0;
}

static double overlap(const struct ctx *c, size_t i, size_t j)
{
	size_t d = i > j ? c->differ[i * c->K + j] : c->differ[j * c->K + i];

	return c->ones[i] ? 1 - (double)d / (2 * (double)c->ones[i]) : 0;
}

static void choose(struct ctx *c)
{
	double sum = 0, max = -INFINITY, mean, T;
	size_t i, j;

	for (i = 0; i < c->K; i++)
		for (j = 0; j < c->K; j++)
			if (i != j) {
				double o = overlap(c, i, j);

				sum += o;
				max = o > max ? o : max;
			}
	mean = sum / ((double)c->K * (double)(c->K - 1));
	mean = mean < max ? mean : max;		/* rounding */
	T = mean + (double)c->r->round / c->p->beta * (max - mean);
	for (i = 0; i < c->K; i++)
		for (j = 0; j < c->K; j++)
			c->with[i * c->K + j] = i == j || overlap(c, i, j) >= T;
}

static void set_shares(struct ctx *c)
{
	double sum = 0;
	size_t k;

	for (k = 0; k < c->K; k++) {
		c->share[k] = fl_share_of(c->p->weight, &c->r->u[k]);
		sum += c->share[k];
	}
	for (k = 0; k < c->K; k++)
		c->share[k] /= sum;
}

/* --- the models --- */

static double weight_of(const struct cell *x, size_t i)
{
	return (double)x->base[i] + (double)x->change[i];
}

static void mean_of_all(struct ctx *c)
{
	size_t k, i, n = c->n[c->tensor];

	memset(c->mean, 0, n * sizeof *c->mean);
	for (k = 0; k < c->K; k++) {
		const struct cell *x = &c->cell[k * c->T + c->tensor];

		for (i = 0; i < n; i++)
			c->mean[i] += c->share[k] * weight_of(x, i);
	}
}

/* Tensor c->tensor of client k. */
static int blend(void *ctx, size_t k, int thread, struct fl_err *e)
{
	struct ctx *c = ctx;
	const struct cell *x = &c->cell[k * c->T + c->tensor];
	size_t n = c->n[c->tensor], i, j;

	(void)thread;
	for (i = 0; i < n; i++) {
		double v = c->mean[i], members = 0;

		if (x->mask && x->mask[i]) {
			for (v = 0, j = 0; j < c->K; j++)
				if (c->with[k * c->K + j]) {
					v += weight_of(&c->cell[j * c->T + c->tensor], i);
					members++;
				}
			v /= members;
		}
		x->out[i] = (float)v;
		if (!isfinite(x->out[i]))
			return fl_fail(e, FL_ENUM, "client %lld: tensor '%s': element %zu becomes "
			               "non-finite", (long long)c->r->u[k].client,
			               c->name[c->tensor], i);
	}
	return 0;
}

static int make_models(struct ctx *c, struct fl_err *e)
{
	for (c->tensor = 0; c->tensor < c->T; c->tensor++) {
		mean_of_all(c);
		if (fl_par_for(c->K, c->r->threads, c, blend, e))
			return -1;
	}
	return 0;
}

static int make_room(struct ctx *c, struct fl_err *e)
{
	size_t pairs, cells, most = 0, i;

	if (fl_mul(c->K, c->K, &pairs) || fl_mul(c->K, c->T, &cells))
		return fl_fail_mem(e, SIZE_MAX);
	for (i = 0; i < c->r->update[0]->nt; i++)
		if (c->r->update[0]->t[i].n > most)
			most = c->r->update[0]->t[i].n;
	if (!(c->name = fl_arena_get(&c->a, c->T, sizeof *c->name, e)) ||
	    !(c->n = fl_arena_get(&c->a, c->T, sizeof *c->n, e)) ||
	    !(c->cell = fl_arena_zero(&c->a, cells, sizeof *c->cell, e)) ||
	    !(c->ones = fl_arena_zero(&c->a, c->K, sizeof *c->ones, e)) ||
	    !(c->differ = fl_arena_zero(&c->a, pairs, sizeof *c->differ, e)) ||
	    !(c->share = fl_arena_get(&c->a, c->K, sizeof *c->share, e)) ||
	    !(c->with = fl_arena_get(&c->a, pairs, 1, e)) ||
	    !(c->mean = fl_arena_get(&c->a, most, sizeof *c->mean, e)))
		return -1;
	return 0;
}

static int whole(const void *p, const struct fl_round *r, struct fl_tset *out,
                 struct fl_err *e)
{
	struct ctx c = { .p = p, .r = r, .out = out, .K = r->K,
	                 .T = list_names(r->update[0], NULL, NULL) };
	int rc = make_room(&c, e);

	if (!rc)
		rc = gather(&c, e);
	if (!rc)
		rc = fl_par_for(c.K, r->threads, &c, compare, e);
	if (!rc) {
		choose(&c);
		set_shares(&c);
		rc = make_models(&c, e);
	}
	fl_arena_release(&c.a);
	return rc;
}

const struct fl_rule fl_rule_fedcac = {
	.e = {
		.name = "fedcac",
		.title = "FedCAC",
		.cite = "Wu et al., ICCV 2023, arXiv 2309.11103",
		.doc = "personal models: critical weights shared among clients alike",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "w_i = m_i mean of w_j over C_i + (1 - m_i) mean of all w_j",
		.note = "The mean of all is by examples, as FedAvg's. Without critical weights a "
			"client's overlap with any other is 0.",
	},
	.takes = "fedcac",
	.personal = 1,
	.whole = whole,
};
