#include "table/compare.h"

#include <math.h>
#include <stdlib.h>

#include "base/par.h"

/* One cell or gap after the other, each by one thread. */
struct fl_measuring {
	const struct fl_sheet *s;
	const struct fl_manner *m;
	struct fl_figure *figure;	/* (C,R) */
	struct fl_gap *gap;
	int ends;			/* gaps want intervals */
	double *v;			/* (threads,U) */
};

static int measure_cell(void *ctx, size_t cell, int thread, struct fl_err *e)
{
	const struct fl_measuring *w = ctx;
	const struct fl_manner *m = w->m;
	struct fl_figure *f = &w->figure[cell];
	size_t n;
	const struct fl_observed *o = fl_sheet_cell(w->s, cell / w->s->R, cell % w->s->R, &n);
	double *v = w->v + (size_t)thread * w->s->U;
	struct fl_values of = { .v = v, .n = n, .level = m->level, .seed = m->seed };

	*f = (struct fl_figure){ .mean = NAN, .sd = NAN, .low = NAN, .high = NAN };
	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++)
		v[i] = o[i].value;
	fl_values_measure(&of);
	*f = (struct fl_figure){ .n = n, .mean = of.mean, .sd = of.sd };
	if (!isfinite(of.mean) || isinf(of.sd))
		return fl_fail(e, FL_ENUM,
		               "values as large as %g have no mean or deviation in double "
		               "precision",
		               v[0]);
	return ((const struct fl_interval *)m->interval.entry)
	        ->ends(m->interval.p, &of, &f->low, &f->high, e);
}

static int work_through(struct fl_measuring *w, size_t n,
                        int (*fn)(void *ctx, size_t item, int thread, struct fl_err *e),
                        struct fl_err *e)
{
	size_t threads = w->m->threads > 1 ? (size_t)w->m->threads : 1;
	int rc;

	if (!(w->v = fl_alloc(threads * w->s->U, sizeof *w->v, e)))
		return -1;
	rc = fl_par_for(n, (int)threads, w, fn, e);
	free(w->v);
	return rc;
}

int fl_figures_make(const struct fl_sheet *s, const struct fl_manner *m, struct fl_figure *figure,
                    struct fl_err *e)
{
	struct fl_measuring w = { .s = s, .m = m, .figure = figure };

	return work_through(&w, s->C * s->R, measure_cell, e);
}

/* d(n) = a - b by ascending unit, over units of both. */
static size_t take_differences(const struct fl_sheet *s, size_t c, size_t a, size_t b, double *d)
{
	size_t na, nb, n = 0;
	const struct fl_observed *x = fl_sheet_cell(s, c, a, &na), *y = fl_sheet_cell(s, c, b, &nb);

	while (na && nb) {
		if (x->unit == y->unit)
			d[n++] = x->value - y->value;
		if (x->unit <= y->unit) {
			if (x->unit == y->unit)
				y++, nb--;
			x++, na--;
		} else {
			y++, nb--;
		}
	}
	return n;
}

static int measure_gap(void *ctx, size_t i, int thread, struct fl_err *e)
{
	const struct fl_measuring *w = ctx;
	const struct fl_manner *m = w->m;
	struct fl_gap *p = &w->gap[i];
	double *d = w->v + (size_t)thread * w->s->U;
	struct fl_values of = { .v = d, .level = m->level, .seed = m->seed };

	of.n = p->n = take_differences(w->s, p->column, p->a, p->b, d);
	fl_values_measure(&of);
	p->mean = of.mean;
	p->sd = of.sd;
	p->low = p->high = p->p = NAN;
	if (!of.n)
		return 0;
	if (!isfinite(of.mean) || isinf(of.sd))
		return fl_fail(e, FL_ENUM,
		               "differences as large as %g have no mean or deviation in double "
		               "precision",
		               d[0]);
	if (w->ends && ((const struct fl_interval *)m->interval.entry)
	                       ->ends(m->interval.p, &of, &p->low, &p->high, e))
		return -1;
	return ((const struct fl_test *)m->test.entry)->probability(m->test.p, &of, &p->p, e);
}

static int has_numbers(const struct fl_sheet *s, size_t c, size_t r)
{
	size_t n;

	fl_sheet_cell(s, c, r, &n);
	return n > 0;
}

static int adjust_gaps(struct fl_gap *v, size_t n, const struct fl_manner *m, struct fl_err *e)
{
	double *p = fl_alloc(n + 1, sizeof *p, e);
	int rc = p ? 0 : -1;

	for (size_t i = 0; i < n && p; i++)
		p[i] = v[i].p;
	if (p)
		rc = fl_correct(&m->correction, p, n, e);
	for (size_t i = 0; i < n && p; i++)
		v[i].adjusted = p[i];
	free(p);
	return rc;
}

static int list_gap(struct fl_gaps *out, const struct fl_sheet *s, struct fl_gap p, struct fl_err *e)
{
	if (!has_numbers(s, p.column, p.a) || !has_numbers(s, p.column, p.b))
		return 0;
	if (fl_grow(&out->v, &out->cap, out->n + 1, sizeof *out->v, e))
		return -1;
	out->v[out->n++] = p;
	return 0;
}

int fl_gaps_add(struct fl_gaps *out, const struct fl_sheet *s, const struct fl_manner *m,
                size_t column, size_t against, int ends, struct fl_err *e)
{
	struct fl_measuring w = { .s = s, .m = m, .ends = ends };
	size_t first = out->n;

	for (size_t a = 0; a < s->R; a++) {
		size_t b = against == FL_GAPS_ALL ? a + 1 : against;
		size_t end = against == FL_GAPS_ALL ? s->R : against + 1;

		for (; b < end; b++)
			if (a != b && list_gap(out, s, (struct fl_gap){ .column = (uint32_t)column, .a = (uint32_t)a,
			                                                .b = (uint32_t)b }, e))
				return -1;
	}
	if (out->n == first)
		return 0;
	w.gap = out->v + first;
	return work_through(&w, out->n - first, measure_gap, e) ||
	       adjust_gaps(out->v + first, out->n - first, m, e) ? -1 : 0;
}

void fl_gaps_release(struct fl_gaps *p)
{
	free(p->v);
	*p = (struct fl_gaps){ .v = NULL };
}

/* The row of column c with the best mean, the first of several; R: none. */
static size_t find_best(const struct fl_sheet *s, int lower, const struct fl_figure *f)
{
	size_t best = s->R;

	for (size_t r = 0; r < s->R; r++)
		if (f[r].n &&
		    (best == s->R || (lower ? f[r].mean < f[best].mean : f[r].mean > f[best].mean)))
			best = r;
	return best;
}

int fl_figures_mark(const struct fl_sheet *s, const struct fl_manner *m, struct fl_figure *figure,
                    struct fl_err *e)
{
	struct fl_gaps pairs = { .v = NULL };
	int rc = 0;

	for (size_t c = 0; c < s->C && !rc; c++) {
		struct fl_figure *f = figure + c * s->R;
		size_t best = find_best(s, m->lower[c], f), against = 0, beaten = 0;

		pairs.n = 0;
		rc = fl_gaps_add(&pairs, s, m, c, FL_GAPS_ALL, 0, e);
		for (size_t i = 0; i < pairs.n && !rc; i++) {
			const struct fl_gap *p = &pairs.v[i];
			double gain = p->a == best ? p->mean : -p->mean;

			if (p->a != best && p->b != best)
				continue;
			against++;
			beaten += p->adjusted < 1 - m->level && (m->lower[c] ? gain < 0 : gain > 0);
		}
		if (!rc && against && beaten == against)
			f[best].best = 1;
	}
	fl_gaps_release(&pairs);
	return rc;
}
