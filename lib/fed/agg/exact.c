/* Folds: exact sums in fixed bins, so that neither the order of updates nor
 * their split over batches, threads and partials shows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/par.h"
#include "fed/agg/collect_int.h"
#include "kernel/isa.h"

#define STRETCH ((size_t)8192)	/* coordinates that are read and added at once */
#define ROWS ((size_t)16)	/* updates at once: with the bins they stay in a second-level cache */
#define ROW (STRETCH + 16)	/* floats apart: not by a power of two */

struct fl_fold_room {
	float *row;	/* (ROWS, ROW) */
	int64_t *bin;	/* (FL_BINS, STRETCH) */
};

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
	if (!(s->top = fl_arena_zero(&c->arena, s->t.n / STRETCH + 1, sizeof *s->top, e)))
		return -1;
	/* Not zeroed: a stretch is, by its first term, while it is in cache. */
	return (s->bins.bin = fl_arena_get(&c->arena, n, sizeof *s->bins.bin, e)) ? 0 : -1;
}

static size_t stretch_end(const struct fl_slot *s, size_t i0)
{
	return s->t.n - i0 < STRETCH ? s->t.n : i0 + STRETCH;
}

void fl_exact_settle(struct fl_slot *s, int top)
{
	size_t at;

	for (at = 0; at < s->t.n; at += STRETCH)
		if (s->top[at / STRETCH] > top)
			top = s->top[at / STRETCH];
	if (top > s->bins.top)
		s->bins.top = top;
	for (at = 0; at < s->t.n; at += STRETCH)
		fl_bins_settle(&s->bins, &s->top[at / STRETCH], at, stretch_end(s, at));
}

static void add_scalars(struct fl_bins *b, const double s[FL_FOLD_SCALARS])
{
	size_t i;

	for (i = 0; i < FL_FOLD_SCALARS; i++)
		if (s[i] != 0)
			fl_bins_add1(&b[i], 0, s[i]);
}

static int check_fold(const struct fl_arrived *m, struct fl_err *e)
{
	size_t i;

	for (i = 0; i < FL_FOLD_SCALARS; i++)
		if (!isfinite(m->out.s[i]))
			return fl_fail(e, FL_ENUM, "a sum's term becomes %g", m->out.s[i]);
	if (!isfinite(m->out.w) || !isfinite(m->out.back) || !isfinite(m->out.keep))
		return fl_fail(e, FL_ENUM, "its weight becomes %g", isfinite(m->out.w) ?
		               m->out.back : m->out.w);
	return 0;
}

static int weigh(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e)
{
	struct fl_fold_in in = { .u = &m->u, .rec = &m->rec, .round = c->round, .with = c->with,
	                         .row = fl_collect_row(c, m->u.client),
	                         .rounds = c->round - c->rows.since + 1 };

	memset(&m->out, 0, sizeof m->out);
	if (!(m->out.row = fl_arena_zero(&c->arena, c->fold->nrow, sizeof *m->out.row, e)) ||
	    c->fold->fold(c->fp, &in, &m->out, e) || check_fold(m, e))
		return -1;
	add_scalars(c->total, m->out.s);
	return fl_collect_see(c, m->u.client, m->file, m->out.row, e);
}

/* Running statistics, unless they count as parameters do. */
static int is_meant(const struct fl_collect *c, const struct fl_slot *s)
{
	return s->running && !fl_collect_rebases(c);
}

/* What a member's tensor counts in the sum. */
static double weight_in(const struct fl_collect *c, const struct fl_arrived *m,
                        const struct fl_slot *s)
{
	if (fl_mask_is(s->t.name))
		return m->out.s[0];
	return is_meant(c, s) ? m->out.s[c->fold->share] : m->out.w;
}

int fl_exact_list(struct fl_slot *s, const struct fl_arrived *m, const struct fl_tensor *t,
                  double w, const float *weight, struct fl_err *e)
{
	if (fl_grow(&s->add, &s->addcap, s->nadd + 1, sizeof *s->add, e))
		return -1;
	s->add[s->nadd++] = (struct fl_term){ m, t, w, weight };
	return 0;
}

/* Lists the member with its slots. */
static int enter(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e)
{
	size_t i;

	if (weigh(c, m, e))
		return fl_fail_in(e, "%s: client %lld", m->file, (long long)m->u.client);
	for (i = 0; i < m->npart; i++) {
		struct fl_slot *s = m->part[i].slot;

		if (!s)
			continue;
		add_scalars(s->sum, m->out.s);
		s->owners++;
		if (fl_exact_list(s, m, m->part[i].t, weight_in(c, m, s), m->part[i].weight, e))
			return -1;
	}
	return c->kept ? fl_kept_enter(c, m, e) : 0;
}

static int list_stretches(struct fl_collect *c, struct fl_err *e)
{
	size_t i, at;

	if (c->stretched == c->nslot)
		return 0;
	c->ntile = 0;
	for (i = 0; i < c->nslot; i++)
		for (at = 0; at < c->slot[i]->t.n; at += STRETCH) {
			if (fl_grow(&c->stretch, &c->tilecap, c->ntile + 1, sizeof *c->stretch, e))
				return -1;
			c->stretch[c->ntile++] = (struct fl_stretch){
				c->slot[i], at, stretch_end(c->slot[i], at)
			};
		}
	c->stretched = c->nslot;
	return 0;
}

static int fault(const struct fl_term *t, const float *x, size_t i0, size_t i1, struct fl_err *e)
{
	if (fl_collect_check(t->m, t->t, i0, i1, x, e))
		return -1;
	return fl_fail(e, FL_ENUM, "%s: client %lld: tensor '%s' with weight %g becomes non-finite",
	               t->m->file, (long long)t->m->u.client, t->t->name, t->w);
}

/* Some terms into coordinates [i0,i1) of s, which are those from b0 on of b. */
static int add_terms(struct fl_fold_room *r, const struct fl_term *add, size_t n, size_t i0, size_t i1,
                     struct fl_bins *b, int *top, size_t b0, struct fl_err *e)
{
	struct fl_bins_term t[ROWS];
	size_t k, read = 0;

	for (k = 0; k < n; k++) {
		t[k].w = add[k].w;
		t[k].m = add[k].weight ? add[k].weight + i0 : NULL;
		float *row = add[k].m->fd < 0 ? NULL : r->row + ROW * read++;

		if (!(t[k].x = fl_collect_fetch(add[k].m, add[k].t, i0, i1, row, e)))
			return -1;
	}
	k = fl_bins_sum(b, top, t, n, b0, b0 + i1 - i0);
	return k < n ? fault(&add[k], t[k].x, i0, i1, e) : 0;
}

/* All of the batch into one stretch: the only look at the data, unless a rule asks for
 * norms. The fault found is that of the lowest stretch, whatever thread comes first. */
static int add_all(struct fl_fold_room *r, const struct fl_stretch *t, struct fl_bins *b, int *top,
                   size_t b0, struct fl_err *e)
{
	const struct fl_slot *s = t->slot;

	for (size_t k = 0; k < s->nadd; k += ROWS)
		if (add_terms(r, s->add + k, s->nadd - k < ROWS ? s->nadd - k : ROWS, t->i0, t->i1, b,
		              top, b0, e))
			return -1;
	return 0;
}

static int add_stretch(void *ctx, size_t item, int thread, struct fl_err *e)
{
	struct fl_collect *c = ctx;
	struct fl_stretch *t = &c->stretch[item];
	struct fl_slot *s = t->slot;

	if (!s->nadd)
		return 0;
	return add_all(&c->room[thread], t, &s->bins, &s->top[t->i0 / STRETCH], t->i0, e);
}

/* The sum of a stretch whose bins need not be kept, in the highest window known so far;
 * again where it was not the highest of all. */
static int sum_stretch(void *ctx, size_t item, int thread, struct fl_err *e)
{
	struct fl_collect *c = ctx;
	struct fl_stretch *t = &c->stretch[item];
	struct fl_slot *s = t->slot;
	struct fl_bins b = { c->room[thread].bin, t->i1 - t->i0, 2 };
	int *cut = &s->cut[t->i0 / STRETCH], most = atomic_load(&s->most), top = 0;

	if (!s->nadd || (*cut && *cut == most))
		return 0;
	if (add_all(&c->room[thread], t, &b, &top, 0, e))
		return -1;
	while (top > most && !atomic_compare_exchange_weak(&s->most, &most, top))
		;
	*cut = b.top = top > most ? top : most;
	fl_bins_settle(&b, &top, 0, b.n);
	fl_bins_value(&b, s->value + t->i0, 0, b.n);
	return 0;
}

static int value_room(struct fl_collect *c, struct fl_slot *s, struct fl_err *e)
{
	if (!(s->cut = fl_arena_zero(&c->arena, s->t.n / STRETCH + 1, sizeof *s->cut, e)))
		return -1;
	return (s->value = fl_arena_get(&c->arena, s->t.n, sizeof *s->value, e)) ? 0 : -1;
}

/* Rows for what is read from files; bins where they are not kept. */
static int make_rooms(struct fl_collect *c, int at_once, struct fl_err *e)
{
	size_t rows = 0;

	for (size_t k = 0; k < c->nmember && rows < ROWS; k++)
		rows += c->member[k].fd >= 0;
	if (!c->room && !(c->room = fl_arena_zero(&c->arena, (size_t)c->threads, sizeof *c->room, e)))
		return -1;
	for (int i = 0; i < c->threads; i++) {
		struct fl_fold_room *r = &c->room[i];

		if (rows > c->rowcap && !(r->row = fl_arena_get(&c->arena, rows * ROW, sizeof *r->row, e)))
			return -1;
		if (at_once && !(r->bin = fl_arena_get(&c->arena, FL_BINS * STRETCH, sizeof *r->bin, e)))
			return -1;
	}
	if (rows > c->rowcap)
		c->rowcap = rows;
	return 0;
}

static int add_batch(struct fl_collect *c, int at_once, struct fl_err *e)
{
	for (size_t i = 0; i < c->nslot; i++)
		if (c->slot[i]->nadd && (at_once ? value_room(c, c->slot[i], e) :
		                                   fl_exact_room(c, c->slot[i], e)))
			return -1;
	if (list_stretches(c, e) || make_rooms(c, at_once, e) ||
	    fl_par_for(c->ntile, c->threads, c, at_once ? sum_stretch : add_stretch, e))
		return -1;
	for (size_t i = 0; at_once && i < c->ntile; i++)
		if (sum_stretch(c, i, 0, e))	/* seldom anything is left to do */
			return -1;
	return 0;
}

int fl_exact_add(struct fl_collect *c, int last, struct fl_err *e)
{
	int at_once = last && !c->drained && !c->keep_bins && !c->masked && !c->kept;
	size_t i;

	if ((c->needs & FL_NEED_NORM || c->rule->takes) && fl_collect_scan(c, e))
		return -1;
	for (i = 0; i < c->nmember; i++)
		if (enter(c, &c->member[i], e))
			return -1;
	if (add_batch(c, at_once, e))
		return -1;
	for (i = 0; i < c->nslot; i++)
		c->slot[i]->nadd = 0;
	c->drained = 1;
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

/* What the sum of a tensor is multiplied by; s: sums over the clients that hold it, or
 * a coordinate of it. Running statistics stay where nobody counts. */
static int get_scale(const struct fl_collect *c, const struct fl_slot *slot,
                     const double s[FL_FOLD_SCALARS], double *scale, struct fl_err *e)
{
	double sum = s[c->fold->share];

	if (is_meant(c, slot))
		*scale = sum > 0 ? 1 / sum : 0;
	else if (c->fold->mix)
		*scale = c->here;
	else
		return c->fold->finish(c->fp, s, scale, e);
	return 0;
}

int fl_exact_finish(struct fl_collect *c, struct fl_err *e)
{
	double s[FL_FOLD_SCALARS];
	size_t i;

	scalar_values(c->total, c->s);
	if (c->kept && fl_kept_finish(c, e))
		return -1;
	for (i = 0; i < c->nslot; i++) {
		struct fl_slot *slot = c->slot[i];

		if (!slot->owners)
			continue;
		if (!slot->value)
			fl_exact_settle(slot, 0);
		scalar_values(slot->sum, s);
		if (get_scale(c, slot, s, &slot->scale, e))
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
		if (sum[0] > 0 && get_scale(c, s, sum, &scale, e))
			return fl_fail_in(e, "tensor '%s'", s->t.name);
		out[j] *= scale;
	}
	return 0;
}

/* The kept updates' part. */
static void add_past(const struct fl_collect *c, const struct fl_slot *s, size_t i0, size_t i1,
                     double *out)
{
	double past[FL_TILE];

	fl_bins_value(&s->past, past, i0, i1);
	for (size_t j = 0; j < i1 - i0; j++)
		out[j] += c->gone * past[j];
}

int fl_exact_get(void *ctx, size_t i, size_t i0, size_t i1, int thread, double *out,
                 struct fl_err *e)
{
	const struct fl_collect *c = ctx;
	const struct fl_slot *s = c->owned[i];

	(void)thread;
	if (s->value)
		memcpy(out, s->value + i0, (i1 - i0) * sizeof *out);
	else
		fl_bins_value(&s->bins, out, i0, i1);
	if (s->cover)
		return scale_covered(c, s, i0, i1, out, e);
	multiply(out, s->scale, i1 - i0);
	if (s->past.bin)
		add_past(c, s, i0, i1, out);
	return 0;
}
