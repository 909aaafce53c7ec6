/* Column, weigh and whole rules: all updates at once, by ascending client. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/par.h"
#include "fed/agg/collect_int.h"

#define TILE_MIN 64u	/* coordinates: however many clients there are */

/* --- keeping --- */

static int spool(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e)
{
	size_t i;

	if (!(m->at = fl_arena_get(&m->rec.arena, m->rec.nt, sizeof *m->at, e)))
		return -1;
	for (i = 0; i < m->rec.nt; i++)
		if (fl_spool_add(&c->spool, m->rec.t[i].data, m->rec.t[i].bytes, &m->at[i], e))
			return -1;
	return 0;
}

int fl_table_keep(struct fl_collect *c, struct fl_arrived *m, int mapped, struct fl_err *e)
{
	if (!mapped && spool(c, m, e))
		return -1;
	return fl_collect_see(c, m->u.client, m->file, NULL, e);
}

static int cmp_member(const void *a, const void *b)
{
	const struct fl_arrived *x = a, *y = b;

	return (x->u.client > y->u.client) - (x->u.client < y->u.client);
}

int fl_table_settle(struct fl_collect *c, struct fl_err *e)
{
	size_t k, i;

	if (fl_spool_map(&c->spool, e))
		return -1;
	for (k = 0; k < c->nmember; k++)
		for (i = 0; c->member[k].at && i < c->member[k].rec.nt; i++)
			c->member[k].rec.t[i].data = (char *)c->spool.map + c->member[k].at[i];
	if (c->nmember)
		qsort(c->member, c->nmember, sizeof *c->member, cmp_member);
	return 0;
}

static int list_part(const struct fl_collect *c, const struct fl_piece *p, size_t k,
                     struct fl_err *e)
{
	struct fl_slot *s = p->slot;

	if (!fl_mask_is(p->t->name)) {
		s->v[k] = p->t->data;
		s->from[k] = p->t;
		s->owners++;
		return 0;
	}
	if (p->t->dtype == FL_F32) {
		if (!s->weight && !(s->weight = fl_alloc(c->K, sizeof *s->weight, e)))
			return -1;
		s->weight[k] = p->t->data;
		return 0;
	}
	if (!s->mask && !(s->mask = fl_alloc(c->K, sizeof *s->mask, e)))
		return -1;
	s->mask[k] = p->t->data;
	return 0;
}

static int list_owners(struct fl_collect *c, struct fl_err *e)
{
	size_t k, i;

	for (i = 0; i < c->nslot; i++)
		if (!(c->slot[i]->v = fl_alloc(c->K, sizeof *c->slot[i]->v, e)) ||
		    !(c->slot[i]->from = fl_alloc(c->K, sizeof *c->slot[i]->from, e)))
			return -1;
	for (k = 0; k < c->K; k++)
		for (i = 0; i < c->member[k].npart; i++)
			if (c->member[k].part[i].slot && list_part(c, &c->member[k].part[i], k, e))
				return -1;
	return 0;
}

int fl_slot_owns(const struct fl_slot *s, size_t k, size_t i)
{
	return s->from[k] && (!s->mask || !s->mask[k] || s->mask[k][i]);
}

double fl_slot_weight(const struct fl_slot *s, size_t k, size_t i)
{
	if (s->weight && s->weight[k])
		return (double)s->weight[k][i];
	return fl_slot_owns(s, k, i);
}

/* --- whole --- */

/* Tensors of a result that is not personal stand where the rule put them. */
static int list_result(struct fl_collect *c, struct fl_err *e)
{
	size_t i;

	for (i = 0; i < c->result->nt; i++) {
		const struct fl_tensor *t = &c->result->t[i];
		struct fl_slot *s = fl_collect_slot(c, t, e);

		if (!s)
			return fl_fail_in(e, "%s", c->who);
		s->done = t;
		s->owners = c->K;
	}
	return 0;
}

static int run_whole(struct fl_collect *c, const struct fl_round *r, struct fl_err *e)
{
	c->result = fl_alloc(c->rule->personal ? c->K : 1, sizeof *c->result, e);
	if (!c->result || c->rule->whole(c->rp, r, c->result, e))
		return -1;
	return c->rule->personal ? 0 : list_result(c, e);
}

/* --- columns --- */

/* A tile is K rows; with many clients it gets narrower, never the result. */
static int make_scratch(struct fl_collect *c, struct fl_err *e)
{
	size_t each = c->memory / (size_t)c->threads / sizeof(float) / (c->K + 1), n;
	int i;

	c->tile = each > FL_TILE ? FL_TILE : each < TILE_MIN ? TILE_MIN : each;
	if (!(c->scratch = fl_alloc((size_t)c->threads, sizeof *c->scratch, e)))
		return -1;
	if (fl_mul(c->K + 1, c->tile, &n))
		return fl_fail_mem(e, SIZE_MAX);
	for (i = 0; i < c->threads; i++)
		if (!(c->scratch[i] = fl_alloc(n, sizeof **c->scratch, e)))
			return -1;
	return 0;
}

int fl_table_finish(struct fl_collect *c, struct fl_err *e)
{
	if (c->rule->check && c->rule->check(c->rp, c->K, e))
		return fl_fail_in(e, "%s", c->who);
	if (!c->rule->whole && list_owners(c, e))
		return -1;
	if ((c->rule->whole && fl_round_show(c, run_whole, e)) ||
	    (c->rule->weigh && fl_round_show(c, fl_weights_get, e)))
		return -1;
	return c->rule->column ? make_scratch(c, e) : 0;
}

/* Where, from i on and before end, other clients own the coordinate than own i. */
static size_t same_owners(const struct fl_collect *c, const struct fl_slot *s, size_t i, size_t end)
{
	for (size_t k = 0; s->mask && k < c->K; k++) {
		const uint8_t *m = s->mask[k];
		size_t to = i + 1;

		while (m && to < end && m[to] == m[i])
			to++;
		end = m ? to : end;
	}
	return end;
}

/* [i0,i1), which the same clients own; what nobody does stays. */
static int get_columns(const struct fl_collect *c, const struct fl_slot *s, size_t i0, size_t i1,
                       float *v, double *out, struct fl_err *e)
{
	float *res = v + c->K * c->tile;
	size_t k, K = 0, j, n = i1 - i0;

	for (k = 0; k < c->K; k++) {
		float *row = v + K * n;
		const float *x;

		if (!fl_slot_owns(s, k, i0) || (s->w && s->w[k] == 0))
			continue;
		if (!(x = fl_collect_fetch(&c->member[k], s->from[k], i0, i1, row, e)) ||
		    fl_collect_check(&c->member[k], s->from[k], i0, i1, x, e))
			return -1;
		if (x != row)
			memcpy(row, x, n * sizeof *v);
		K++;
	}
	if (!K) {
		memset(out, 0, n * sizeof *out);
		return 0;
	}
	if (c->rule->check && c->rule->check(c->rp, K, e))
		return fl_fail_in(e, "%s: tensor '%s': element %zu", c->who, s->t.name, i0);
	c->rule->column(c->rp, v, K, n, res);
	for (j = 0; j < n; j++)
		out[j] = (double)res[j];
	return 0;
}

static int get_column(const struct fl_collect *c, const struct fl_slot *s, size_t i0, size_t i1,
                      float *v, double *out, struct fl_err *e)
{
	size_t i, to;

	for (i = i0; i < i1; i = to) {
		to = same_owners(c, s, i, i1);
		if (get_columns(c, s, i, to, v, out + (i - i0), e))
			return -1;
	}
	return 0;
}

static void get_weighted(const struct fl_collect *c, const struct fl_slot *s, size_t i0, size_t n,
                         double *out)
{
	memset(out, 0, n * sizeof *out);
	for (size_t k = 0; k < c->K; k++)
		if (s->w[k] != 0)
			fl_weights_add(s->v[k] + i0, s->w[k], out, n);
}

/* The mean of those who own a coordinate, each by its weight there. */
static void get_owned(const struct fl_collect *c, const struct fl_slot *s, size_t i0, size_t n,
                      double *out)
{
	const double *w = s->running ? s->share : s->w;

	for (size_t j = 0; j < n; j++) {
		double sum = 0, weight = 0;

		for (size_t k = 0; k < c->K; k++)
			if (fl_slot_owns(s, k, i0 + j)) {
				double m = fl_slot_weight(s, k, i0 + j);

				sum += w[k] * (m * (double)s->v[k][i0 + j]);
				weight += w[k] * m;
			}
		out[j] = weight > 0 ? sum / weight : 0;
	}
}

int fl_table_get(void *ctx, size_t i, size_t i0, size_t i1, int thread, double *out,
                 struct fl_err *e)
{
	const struct fl_collect *c = ctx;
	const struct fl_slot *s = c->owned[i];

	if (s->done)
		fl_dtype_to_f64(s->done->dtype, (const float *)s->done->data + i0, out, i1 - i0);
	else if (c->rule->column)
		return get_column(c, s, i0, i1, c->scratch[thread], out, e);
	else if (s->running || s->mask || s->weight || s->owners < c->K)
		get_owned(c, s, i0, i1 - i0, out);
	else
		get_weighted(c, s, i0, i1 - i0, out);
	return 0;
}
