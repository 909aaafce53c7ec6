/* Personal models of a weigh rule: each client's is a mixture of all models, or its own
 * with a mixture of all updates, by a row of the rule's matrix, tile by tile. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "fed/agg/collect_int.h"

struct mixing {
	struct fl_collect *c;
	size_t k;			/* whose model */
	const struct fl_slot *s;
	const float *own;		/* k's tensor as it was received */
	const float **base;		/* (K) what is mixed beside updates: models, or NULL */
	const double *w;		/* (K) the row, which adds up to scale over those at hand */
	double scale;
	float *out;
};

static void mix_tile(const struct mixing *m, size_t i0, size_t n, double *sum)
{
	memset(sum, 0, n * sizeof *sum);
	for (size_t j = 0; j < m->c->K; j++) {
		if (!m->s->v[j] || !(fabs(m->w[j]) > 0))
			continue;
		if (m->base)
			fl_weights_add(m->base[j] + i0, m->w[j], sum, n);
		fl_weights_add(m->s->v[j] + i0, m->w[j], sum, n);
	}
	for (size_t i = 0; i < n; i++)
		m->out[i0 + i] = (float)(sum[i] / m->scale + (m->base ? 0 : (double)m->own[i0 + i]));
}

static int mix_part(void *ctx, size_t item, int thread, struct fl_err *e)
{
	const struct mixing *m = ctx;
	size_t i0 = item * FL_TILE, n = m->s->t.n - i0 < FL_TILE ? m->s->t.n - i0 : FL_TILE;
	double sum[FL_TILE];

	(void)thread;
	mix_tile(m, i0, n, sum);
	for (size_t i = i0; i < i0 + n; i++)
		if (!isfinite(m->out[i]))
			return fl_fail(e, FL_ENUM, "client %lld: tensor '%s': element %zu becomes "
			               "non-finite", (long long)m->c->member[m->k].u.client,
			               m->s->t.name, i);
	return 0;
}

/* The row as it counts in a slot: of running statistics a mean, with nothing below 0; of a
 * tensor that not all bring, a mean over those who do. 0: there is nothing to mix. */
static int settle_row(struct mixing *m, double *w)
{
	const double *row = m->c->matrix + m->k * m->c->K;
	double sum = 0;
	int mean = m->s->running || m->s->owners < m->c->K;

	for (size_t j = 0; j < m->c->K; j++) {
		w[j] = m->s->running && row[j] < 0 ? 0 : row[j];
		sum += m->s->v[j] ? w[j] : 0;
	}
	m->w = w;
	m->scale = mean ? sum : 1;
	return !mean || sum > 0;
}

/* Its own model with its own update. */
static void add_own(const struct mixing *m)
{
	for (size_t i = 0; i < m->s->t.n; i++)
		m->out[i] = (float)((double)m->own[i] + (double)m->s->v[m->k][i]);
}

static int mix_tensor(struct mixing *m, struct fl_tensor *t, double *w, struct fl_err *e)
{
	size_t K = m->c->K;

	m->s = fl_collect_find(m->c, t->name);
	if (!m->s || !m->s->v[m->k])
		return 0;
	m->out = t->data;
	m->own = fl_tset_find(m->c->member[m->k].from->model, t->name)->data;
	for (size_t j = 0; m->base && j < K; j++)
		m->base[j] = m->s->v[j] ? fl_tset_find(m->c->member[j].from->model, t->name)->data :
		                          NULL;
	if (settle_row(m, w))
		return fl_par_for((t->n + FL_TILE - 1) / FL_TILE, m->c->threads, m, mix_part, e);
	add_own(m);
	return 0;
}

static int mix_model(struct fl_collect *c, size_t k, struct fl_tset *out, struct fl_err *e)
{
	const struct fl_tset *model = c->member[k].from->model;
	double *w = fl_alloc(c->K, sizeof *w, e);
	struct mixing m = { .c = c, .k = k };
	int rc = w ? 0 : -1;

	if (c->rule->flags & FL_RULE_MODELS && !(m.base = fl_alloc(c->K, sizeof *m.base, e)))
		rc = -1;
	for (size_t i = 0; !rc && i < model->nt; i++) {
		struct fl_tensor *t = fl_tset_copy(out, NULL, &model->t[i], e);

		rc = t ? mix_tensor(&m, t, w, e) : -1;
	}
	free(m.base);
	free(w);
	return rc;
}

int fl_collect_personal(struct fl_collect *c, size_t k, struct fl_tset *out, struct fl_err *e)
{
	if (!c->rule->whole)
		return mix_model(c, k, out, e);
	*out = c->result[k];
	c->result[k] = (struct fl_tset){ .t = NULL };
	return 0;
}
