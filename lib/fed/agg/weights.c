/* What weigh rules are shown, and the weights that they give: one a client, of all of an
 * update or of each tensor, or a matrix for personal models. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/par.h"
#include "fed/agg/collect_int.h"
#include "kernel/gram.h"
#include "kernel/isa.h"

#define GRAM_ROWS 24u	/* of inner products, at most, that a thread takes at once */
#define GRAM_STEP 4u	/* rows are taken by multiples of it */

FL_BODY void add_weighted_body(const float *restrict x, double w, double *restrict sum, size_t n)
{
	for (size_t j = 0; j < n; j++)
		sum[j] += w * (double)x[j];
}

static void add_weighted(const float *restrict x, double w, double *restrict sum, size_t n);
FL_ISA_FN(add_weighted, (const float *restrict x, double w, double *restrict sum, size_t n),
          (x, w, sum, n))

void fl_weights_add(const float *restrict x, double w, double *restrict sum, size_t n)
{
	add_weighted(x, w, sum, n);
}

/* --- what rules see --- */

/* Columns of fl_round, one entry a client. */
struct view {
	struct fl_update *u;
	const struct fl_tset **update, **model;
	const double **row;
	double **keep;
	double *after;
	struct fl_arena a;
};

static int make_room(struct fl_collect *c, struct view *v, struct fl_err *e)
{
	size_t K = c->K, nrow = fl_collect_nrow(c), n = c->rows.n * nrow;

	if (!(v->u = fl_arena_get(&v->a, K, sizeof *v->u, e)) ||
	    !(v->update = fl_arena_get(&v->a, K, sizeof *v->update, e)) ||
	    !(v->model = fl_arena_get(&v->a, K, sizeof *v->model, e)) ||
	    !(v->row = fl_arena_get(&v->a, K, sizeof *v->row, e)) ||
	    !(v->keep = fl_arena_get(&v->a, K, sizeof *v->keep, e)) ||
	    !(v->after = fl_arena_get(&c->arena, n, sizeof *v->after, e)))
		return -1;
	if (n)
		memcpy(v->after, c->rows.value, n * sizeof *v->after);
	for (size_t k = 0; k < K; k++) {
		const struct fl_arrived *m = &c->member[k];

		v->u[k] = m->u;
		v->update[k] = &m->rec;
		v->model[k] = m->from->model ? m->from->model : c->model;
		v->row[k] = fl_collect_row(c, m->u.client);
		if (!(v->keep[k] = fl_arena_zero(&c->arena, nrow, sizeof **v->keep, e)))
			return -1;
		c->seen[k].row = v->keep[k];
	}
	return 0;
}

int fl_round_show(struct fl_collect *c, int (*see)(struct fl_collect *c, const struct fl_round *r,
                  struct fl_err *e), struct fl_err *e)
{
	struct view v = { .u = NULL };
	int rc = make_room(c, &v, e);

	if (!rc)
		rc = see(c, &(struct fl_round){
			.K = c->K, .u = v.u, .update = v.update, .model = v.model, .round = c->round,
			.with = c->with, .who = c->who, .threads = c->threads, .known = &c->rows,
			.row = v.row, .keep = v.keep, .after = v.after }, e);
	if (!rc)
		c->rows.value = v.after;
	fl_arena_release(&v.a);
	return rc;
}

/* --- inner products --- */

struct gram {
	struct fl_collect *c;
	const struct fl_slot *only;	/* of this tensor; NULL: of all that are weights */
	double *G;
	size_t rows, n;		/* of an item; items */
};

static int gram_rows(void *ctx, size_t item, int thread, struct fl_err *e)
{
	struct gram *g = ctx;
	struct fl_collect *c = g->c;
	size_t i0 = (g->n - 1 - item) * g->rows;	/* later rows are longer: first */
	size_t i1 = c->K - i0 < g->rows ? c->K : i0 + g->rows, i;

	(void)thread;
	(void)e;
	for (i = 0; i < c->nslot; i++) {
		const struct fl_slot *s = c->slot[i];

		if (g->only ? s == g->only :
		    s->owners && !s->running && !fl_tensor_is_extra(&s->t))
			fl_gram_rows(s->v, c->rule->flags & FL_RULE_ORIGIN ? NULL : s->v[0], c->K,
			             s->t.n, i0, i1, g->G);
	}
	return 0;
}

/* Distances mean little between updates that hold different tensors. */
static int check_equal(const struct fl_collect *c, struct fl_err *e)
{
	size_t i, k = 0;

	for (i = 0; i < c->nslot; i++) {
		const struct fl_slot *s = c->slot[i];

		if (!s->owners || s->owners == c->K || s->running)
			continue;
		while (s->v[k])
			k++;
		return fl_fail(e, FL_EDATA, "%s: client %lld: tensor '%s' is missing; %s compares "
		               "updates that hold the same tensors", c->member[k].file,
		               (long long)c->seen[k].client, s->t.name, c->who);
	}
	return 0;
}

/* Items enough for all threads, and long rows beside short ones. */
static struct gram share_gram(struct fl_collect *c, const struct fl_slot *only, double *G)
{
	size_t rows = c->K / (2 * (size_t)c->threads) / GRAM_STEP * GRAM_STEP + GRAM_STEP;

	rows = rows > GRAM_ROWS ? GRAM_ROWS : rows;
	return (struct gram){ c, only, G, rows, (c->K + rows - 1) / rows };
}

static int fill_gram(struct fl_collect *c, const struct fl_slot *only, double *G,
                     struct fl_err *e)
{
	struct gram g = share_gram(c, only, G);

	memset(G, 0, c->K * c->K * sizeof *G);
	if (fl_par_for(g.n, c->threads, &g, gram_rows, e))
		return -1;
	for (size_t i = 0; i < c->K; i++)
		for (size_t j = 0; j < i; j++)
			G[j * c->K + i] = G[i * c->K + j];
	return 0;
}

/* --- weights --- */

/* What a client counts in a mean: what the rule says, or its weight. None counts less
 * than nothing, so that a mean of variances is one; where all count nothing, they count
 * alike. */
static void settle_shares(size_t K, const double *w, double *share)
{
	double said = 0, sum = 0;

	for (size_t k = 0; k < K; k++)
		said += share[k];
	for (size_t k = 0; k < K; k++) {
		share[k] = said > 0 ? share[k] : w[k];
		share[k] = share[k] > 0 ? share[k] : 0;
		sum += share[k];
	}
	for (size_t k = 0; k < K && !(sum > 0); k++)
		share[k] = 1;
}

static int weigh_all(struct fl_collect *c, const struct fl_round *r, double *G,
                     struct fl_err *e)
{
	struct fl_weights q = { .G = G, .w = c->weight, .share = c->share, .W = c->matrix };

	if ((G && fill_gram(c, NULL, G, e)) || c->rule->weigh(c->rp, r, &q, e))
		return -1;
	settle_shares(c->K, c->weight, c->share);
	for (size_t i = 0; i < c->nslot; i++) {
		c->slot[i]->w = c->weight;
		c->slot[i]->share = c->share;
	}
	return 0;
}

/* A tensor on its own. */
static int weigh_slot(struct fl_collect *c, const struct fl_round *r, struct fl_slot *s, double *G,
                      struct fl_err *e)
{
	double *w = fl_arena_zero(&c->arena, c->K, sizeof *w, e);
	double *share = fl_arena_zero(&c->arena, c->K, sizeof *share, e);
	struct fl_weights q = { .G = G, .tensor = &s->t, .w = w, .share = share };

	if (!w || !share || (G && fill_gram(c, s, G, e)) || c->rule->weigh(c->rp, r, &q, e))
		return -1;
	settle_shares(c->K, w, share);
	s->w = w;
	s->share = share;
	return 0;
}

/* Running statistics go by the mean of what a client counts in the tensors. */
static int weigh_apart(struct fl_collect *c, const struct fl_round *r, double *G,
                       struct fl_err *e)
{
	for (size_t i = 0; i < c->nslot; i++) {
		struct fl_slot *s = c->slot[i];
		double sum = 0;

		s->w = s->share = c->share;
		if (!s->owners || s->running)
			continue;
		if (weigh_slot(c, r, s, G, e))
			return fl_fail_in(e, "tensor '%s'", s->t.name);
		for (size_t k = 0; k < c->K; k++)
			sum += s->share[k];
		for (size_t k = 0; k < c->K; k++)
			c->share[k] += s->share[k] / sum;
	}
	settle_shares(c->K, c->share, c->share);
	return 0;
}

int fl_weights_get(struct fl_collect *c, const struct fl_round *r, struct fl_err *e)
{
	int inner = (c->rule->flags & (FL_RULE_INNER | FL_RULE_ORIGIN)) != 0;
	double *G = NULL;
	size_t n;
	int rc;

	if (fl_mul(c->K, c->K, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if ((inner && (check_equal(c, e) || !(G = fl_alloc(n, sizeof *G, e)))) ||
	    (c->rule->personal && !(c->matrix = fl_alloc(n, sizeof *c->matrix, e))) ||
	    !(c->weight = fl_alloc(c->K, sizeof *c->weight, e)) ||
	    !(c->share = fl_alloc(c->K, sizeof *c->share, e)))
		rc = -1;
	else
		rc = c->rule->apart && c->rule->apart(c->rp) ? weigh_apart(c, r, G, e) :
		                                               weigh_all(c, r, G, e);
	free(G);
	return rc;
}
