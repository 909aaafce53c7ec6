/* Class by class over clients: p ~ Dir(alpha, K times), and the examples of the
 * class are cut by these shares. */
#include "part/classwise.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

const char *const fl_balance_name[] = { "none", "lt", "gt", NULL };
const char *const fl_cut_name[] = { "cumulative", "cell", NULL };

struct draw {
	const struct fl_classwise *p;
	const struct fl_part *s;
	const size_t *start;	/* (C+1) */
	double *alpha, *share;	/* (K) of one class */
	double *total;		/* (K) shares summed over classes */
	size_t *part;		/* (C,K) examples of a class for a client */
	size_t *size;		/* (K) */
};

/* Does client k take more of class c? */
static int takes(const struct draw *d, size_t c, size_t k)
{
	const struct fl_part *s = d->s;
	double even = (double)s->N / (double)s->K, size = (double)d->size[k];

	if (d->p->may && !d->p->may[c * s->K + k])
		return 0;
	return d->p->balance == FL_BALANCE_LT ? size < even :
	       d->p->balance == FL_BALANCE_GT ? size <= even : 1;
}

/* Weight of those who take none goes to the others. Where all weight is gone,
 * those who take share evenly; where nobody does, those who may hold the class. */
static void mask(struct draw *d, size_t c)
{
	const struct fl_part *s = d->s;
	const unsigned char *may = d->p->may ? d->p->may + c * s->K : NULL;
	double sum = 0, takers = 0, holders = 0;

	for (size_t k = 0; k < s->K; k++) {
		int t = takes(d, c, k);

		d->share[k] = t ? d->share[k] : 0;
		sum += d->share[k];
		takers += t;
		holders += !may || may[k];
	}
	for (size_t k = 0; k < s->K; k++)
		d->share[k] = sum > 0 ? d->share[k] / sum : takers > 0 ? takes(d, c, k) / takers :
		              (!may || may[k]) / holders;
}

/* Every (class, try) has its own random numbers. */
static void draw_shares(struct draw *d, size_t c, size_t try)
{
	struct fl_rng r;

	if (d->p->alpha > 0) {
		fl_part_rng(&r, d->s, c, 1 + try);
		fl_rng_dirichlet(&r, d->alpha, d->share, d->s->K);
	} else {
		for (size_t k = 0; k < d->s->K; k++)
			d->share[k] = 1 / (double)d->s->K;
	}
	if (d->p->balance != FL_BALANCE_NONE || d->p->may)
		mask(d, c);
}

/* Ends at floor(cumulative share * n); the last with a share ends at n. */
static void cut_cumulative(struct draw *d, size_t n, size_t *part)
{
	size_t before = 0, last = 0, K = d->s->K;
	double sum = 0;

	for (size_t k = 0; k < K; k++)
		if (d->share[k] > 0)
			last = k;
	for (size_t k = 0; k < K; k++) {
		size_t end;

		sum += d->share[k];
		end = k < last ? (size_t)floor(sum * (double)n) : n;
		if (end > n)	/* sum rounds up */
			end = n;
		part[k] = end - before;
		before = end;
	}
}

/* floor(share * n) each; what is left belongs to nobody. */
static void cut_cells(struct draw *d, size_t n, size_t *part)
{
	size_t left = n;

	for (size_t k = 0; k < d->s->K; k++) {
		part[k] = (size_t)floor(d->share[k] * (double)n);
		if (part[k] > left)	/* shares sum to more than 1 by rounding */
			part[k] = left;
		left -= part[k];
	}
}

static void draw_class(struct draw *d, size_t c, size_t try)
{
	size_t n = d->start[c + 1] - d->start[c], K = d->s->K, *part = d->part + c * K;

	draw_shares(d, c, try);
	if (d->p->cut == FL_CUT_CELL)
		cut_cells(d, n, part);
	else
		cut_cumulative(d, n, part);
	for (size_t k = 0; k < K; k++) {
		d->size[k] += part[k];
		d->total[k] += d->share[k];
	}
}

static int enough(const struct draw *d)
{
	size_t K = d->s->K;

	for (size_t k = 0; k < K; k++)
		if (d->total[k] * (double)K < d->p->min_share)
			return 0;
	return d->size[fl_part_least(d->size, K)] >= (size_t)d->p->min_size;
}

static int draw(struct draw *d, size_t *tries)
{
	const struct fl_part *s = d->s;

	for (*tries = 0; *tries < (size_t)d->p->max_tries; ) {
		memset(d->size, 0, s->K * sizeof *d->size);
		memset(d->total, 0, s->K * sizeof *d->total);
		for (size_t c = 0; c < s->C; c++)
			draw_class(d, c, *tries);
		++*tries;
		if (enough(d))
			return 0;
	}
	return -1;
}

static int too_small(const struct draw *d, struct fl_err *e)
{
	const struct fl_part *s = d->s;
	size_t least = fl_part_least(d->size, s->K);

	return fl_fail(e, FL_EDATA, "%s: after %zu draws client %zu still has %zu examples, "
	               "min_size is %lld", d->p->scheme, s->tries, least, d->size[least],
	               (long long)d->p->min_size);
}

static void assign(const struct draw *d, const uint32_t *rows, uint32_t *owner)
{
	const struct fl_part *s = d->s;

	for (size_t c = 0; c < s->C; c++) {
		const size_t *part = d->part + c * s->K;
		size_t i = d->start[c];

		for (size_t k = 0; k < s->K; k++)
			for (size_t n = part[k]; n; n--)
				owner[rows[i++]] = (uint32_t)k;
		while (i < d->start[c + 1])
			owner[rows[i++]] = FL_PART_DROPPED;
	}
}

static int get_room(struct draw *d, size_t *cells, struct fl_err *e)
{
	const struct fl_part *s = d->s;
	struct fl_arena *a = s->arena;

	if (fl_mul(s->C, s->K, cells))
		return fl_fail_mem(e, SIZE_MAX);
	return (d->alpha = fl_arena_get(a, s->K, sizeof *d->alpha, e)) &&
	       (d->share = fl_arena_get(a, s->K, sizeof *d->share, e)) &&
	       (d->total = fl_arena_get(a, s->K, sizeof *d->total, e)) &&
	       (d->size = fl_arena_zero(a, s->K, sizeof *d->size, e)) &&
	       (d->part = fl_arena_get(a, *cells, sizeof *d->part, e)) ? 0 : -1;
}

int fl_part_classwise(const struct fl_classwise *p, struct fl_part *s, struct fl_err *e)
{
	size_t *start = fl_arena_get(s->arena, s->C + 1, sizeof *start, e), cells;
	struct draw d = { .p = p, .s = s, .start = start };
	uint32_t *rows;

	if ((uint64_t)p->min_size > s->N / s->K)
		return fl_fail(e, FL_EDATA, "%s: %zu examples do not give each of %zu clients "
		               "min_size=%lld: the smallest would have at most %zu", p->scheme, s->N,
		               s->K, (long long)p->min_size, s->N / s->K);
	if (!start || get_room(&d, &cells, e))
		return -1;
	rows = p->shuffle ? fl_part_by_label_shuffled(s, start, e) : fl_part_by_label(s, start, e);
	if (!rows)
		return -1;
	for (size_t k = 0; k < s->K; k++)
		d.alpha[k] = p->alpha;
	if (draw(&d, &s->tries))
		return too_small(&d, e);
	assign(&d, rows, s->owner);
	return 0;
}
