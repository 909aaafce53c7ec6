/* Folds: exact sums in fixed bins, so that neither the order of updates nor
 * their split over batches, threads and partials shows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/par.h"
#include "fed/agg/collect_int.h"
#include "kernel/isa.h"

/* b(FL_FOLD_SCALARS) */
static int init_scalars(struct fl_bins *b, struct fl_arena *a, struct fl_err *e)
{
	int64_t *room = fl_arena_zero(a, FL_FOLD_SCALARS * FL_BINS, sizeof *room, e);
	size_t i;

	if (!room)
		return -1;
	for (i = 0; i < FL_FOLD_SCALARS; i++)
		b[i] = (struct fl_bins){ room + i * FL_BINS, 1, 2 };
	return 0;
}

/* The room for bins comes with the first owner. */
int fl_exact_init(struct fl_collect *c, struct fl_slot *s, struct fl_err *e)
{
	s->bins = (struct fl_bins){ NULL, s->t.n, 2 };
	if (!c->total[0].bin && init_scalars(c->total, &c->arena, e))
		return -1;
	return init_scalars(s->sum, &c->arena, e);
}

int fl_exact_room(struct fl_collect *c, struct fl_slot *s, struct fl_err *e)
{
	size_t n;

	if (s->bins.bin)
		return 0;
	if (fl_mul(s->t.n, FL_BINS, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(s->top = fl_arena_zero(&c->arena, s->t.n / FL_TILE + 1, sizeof *s->top, e)))
		return -1;
	/* Not zeroed: a tile is, by its first term, while it is in cache. */
	return (s->bins.bin = fl_arena_get(&c->arena, n, sizeof *s->bins.bin, e)) ? 0 : -1;
}

static size_t tile_end(const struct fl_slot *s, size_t i0)
{
	return s->t.n - i0 < FL_TILE ? s->t.n : i0 + FL_TILE;
}

void fl_exact_settle(struct fl_slot *s, int top)
{
	size_t at;

	for (at = 0; at < s->t.n; at += FL_TILE)
		if (s->top[at / FL_TILE] > top)
			top = s->top[at / FL_TILE];
	if (top > s->bins.top)
		s->bins.top = top;
	for (at = 0; at < s->t.n; at += FL_TILE)
		fl_bins_settle(&s->bins, &s->top[at / FL_TILE], at, tile_end(s, at));
}

static void add_scalars(struct fl_bins *b, const double s[FL_FOLD_SCALARS])
{
	size_t i;

	for (i = 0; i < FL_FOLD_SCALARS; i++)
		if (s[i] != 0)
			fl_bins_add1(&b[i], 0, s[i]);
}

static int check_fold(const struct fl_member *m, struct fl_err *e)
{
	size_t i;

	for (i = 0; i < FL_FOLD_SCALARS; i++)
		if (!isfinite(m->out.s[i]))
			return fl_fail(e, FL_ENUM, "a sum's term becomes %g", m->out.s[i]);
	return isfinite(m->out.w) ? 0 : fl_fail(e, FL_ENUM, "its weight becomes %g", m->out.w);
}

static int weigh(struct fl_collect *c, struct fl_member *m, struct fl_err *e)
{
	struct fl_fold_in in = { .u = &m->u, .row = fl_collect_row(c, m->u.client) };

	memset(&m->out, 0, sizeof m->out);
	if (c->fold->fold(c->fp, &in, &m->out, e) || check_fold(m, e))
		return -1;
	add_scalars(c->total, m->out.s);
	return fl_collect_see(c, m->u.client, m->file, m->out.row, e);
}

/* Lists the member with its slots. */
static int enter(struct fl_collect *c, struct fl_member *m, struct fl_err *e)
{
	size_t i;

	if (weigh(c, m, e))
		return fl_fail_in(e, "%s: client %lld", m->file, (long long)m->u.client);
	for (i = 0; i < m->npart; i++) {
		struct fl_slot *s = m->part[i].slot;

		if (!s)
			continue;
		if (fl_exact_room(c, s, e))
			return -1;
		add_scalars(s->sum, m->out.s);
		s->owners++;
		s->add[s->nadd++] = (struct fl_bins_term){
			m->part[i].t->data, fl_collect_is_mask(s->t.name) ? m->out.s[0] : m->out.w
		};
	}
	return 0;
}

static int list_stretches(struct fl_collect *c, struct fl_err *e)
{
	size_t i, at;

	if (c->stretched == c->nslot)
		return 0;
	c->ntile = 0;
	for (i = 0; i < c->nslot; i++)
		for (at = 0; at < c->slot[i]->t.n; at += FL_TILE) {
			if (fl_grow(&c->stretch, &c->tilecap, c->ntile + 1, sizeof *c->stretch, e))
				return -1;
			c->stretch[c->ntile++] = (struct fl_stretch){
				c->slot[i], at, tile_end(c->slot[i], at)
			};
		}
	c->stretched = c->nslot;
	return 0;
}

/* All of the batch into one tile: the only look at the data, unless a rule asks for
 * norms. What exactly is wrong, fault() finds out. */
static int add_tile(void *ctx, size_t item, int thread, struct fl_err *e)
{
	struct fl_collect *c = ctx;
	struct fl_stretch *t = &c->stretch[item];
	struct fl_slot *s = t->slot;

	(void)thread;
	if (!s->nadd || fl_bins_sum(&s->bins, &s->top[t->i0 / FL_TILE], s->add, s->nadd, t->i0, t->i1))
		return 0;
	return fl_fail(e, FL_ENUM, "tensor '%s': not finite", s->t.name);
}

static int check_products(const struct fl_member *m, struct fl_err *e)
{
	size_t i;

	for (i = 0; i < m->npart; i++)
		if (!isfinite(m->out.w * (double)m->part[i].max))
			return fl_fail(e, FL_ENUM, "%s: client %lld: tensor '%s' with weight %g becomes "
			               "non-finite", m->file, (long long)m->u.client,
			               m->part[i].t->name, m->out.w);
	return 0;
}

/* The first fault of the batch by the order of its members, of which n have a
 * weight: the same whatever tile and thread came across one. */
static int fault(struct fl_collect *c, size_t n, struct fl_err *e)
{
	struct fl_err first = { 0 };
	size_t i;
	int rc = fl_collect_scan(c, &first);

	for (i = 0; !rc && i < n; i++)
		rc = check_products(&c->member[i], &first);
	if (rc)
		*e = first;
	return -1;
}

int fl_exact_add(struct fl_collect *c, struct fl_err *e)
{
	size_t i;

	if ((c->needs & FL_NEED_NORM || c->rule->takes) && fl_collect_scan(c, e))
		return -1;
	for (i = 0; i < c->nmember; i++)
		if (enter(c, &c->member[i], e))
			return fault(c, i, e);
	if (list_stretches(c, e))
		return -1;
	if (fl_par_for(c->ntile, c->threads, c, add_tile, e))
		return fault(c, c->nmember, e);
	for (i = 0; i < c->nslot; i++)
		c->slot[i]->nadd = 0;
	return 0;
}

static void scalar_values(const struct fl_bins *b, double s[FL_FOLD_SCALARS])
{
	size_t i;

	for (i = 0; i < FL_FOLD_SCALARS; i++)
		fl_bins_value(&b[i], &s[i], 0, 1);
}

/* Where sub-networks brought the tensor: their slot, and the weight of the others. Both
 * sums are rounded once, so what all own alike leaves a rest of 0. */
static int find_cover(struct fl_collect *c, struct fl_slot *slot, double weight, struct fl_err *e)
{
	const char *name = fl_arena_fmt(&c->arena, e, "@mask/%s", slot->t.name);
	double s[FL_FOLD_SCALARS];

	if (!name)
		return -1;
	if (!(slot->cover = fl_collect_find(c, name)) || !slot->cover->owners) {
		slot->cover = NULL;
		return 0;
	}
	scalar_values(slot->cover->sum, s);
	slot->rest = weight - s[0];
	return 0;
}

int fl_exact_finish(struct fl_collect *c, struct fl_err *e)
{
	double s[FL_FOLD_SCALARS];
	size_t i;

	scalar_values(c->total, c->s);
	for (i = 0; i < c->nslot; i++) {
		struct fl_slot *slot = c->slot[i];

		if (!slot->owners)
			continue;
		fl_exact_settle(slot, 0);
		scalar_values(slot->sum, s);
		if (c->fold->finish(c->fp, s, &slot->scale, e))
			return fl_fail_in(e, "tensor '%s'", slot->t.name);
		if (!isfinite(slot->scale))
			return fl_fail(e, FL_ENUM, "tensor '%s': its scale becomes %g",
			               slot->t.name, slot->scale);
		if (c->fold->mean && find_cover(c, slot, s[0], e))
			return -1;
	}
	return 0;
}

FL_BODY void multiply_body(double *v, double by, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] *= by;
}

static void multiply(double *v, double by, size_t n);
FL_ISA_FN(multiply, (double *v, double by, size_t n), (v, by, n))

/* Coordinate by coordinate, over those who own it; what nobody owns stays. */
static int scale_covered(const struct fl_collect *c, const struct fl_slot *s, size_t i0, size_t i1,
                         double *out, struct fl_err *e)
{
	double weight[FL_TILE], sum[FL_FOLD_SCALARS] = { 0 }, scale;

	fl_bins_value(&s->cover->bins, weight, i0, i1);
	for (size_t j = 0; j < i1 - i0; j++) {
		sum[0] = weight[j] + s->rest;
		scale = 0;
		if (sum[0] > 0 && c->fold->finish(c->fp, sum, &scale, e))
			return fl_fail_in(e, "tensor '%s'", s->t.name);
		out[j] *= scale;
	}
	return 0;
}

int fl_exact_get(void *ctx, size_t i, size_t i0, size_t i1, int thread, double *out,
                 struct fl_err *e)
{
	const struct fl_collect *c = ctx;
	const struct fl_slot *s = c->owned[i];

	(void)thread;
	fl_bins_value(&s->bins, out, i0, i1);
	if (s->cover)
		return scale_covered(c, s, i0, i1, out, e);
	multiply(out, s->scale, i1 - i0);
	return 0;
}
