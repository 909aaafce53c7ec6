#include "table/layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/num.h"
#include "table/student.h"

#define DECIMALS_MAX 8
#define DECIMALS_BARE 4		/* where no spread says how many are worth something */

/* --- numbers for readers --- */

/* Decimals that show two significant digits of width. */
static int decimals_of(double width)
{
	int n = DECIMALS_BARE;

	if (width > 0 && isfinite(width)) {
		n = 1;
		for (double at = 1; width < at && n < DECIMALS_MAX; at /= 10)
			n++;
		for (double at = 10; width >= at && n > 0; at *= 10)
			n--;
	}
	return n;
}

static double spread_of(const struct fl_layout *l, const struct fl_figure *f)
{
	switch (l->shown) {
	case FL_SHOW_SD: return f->sd;
	case FL_SHOW_SE: return f->sd / sqrt((double)f->n);
	case FL_SHOW_NONE: return NAN;
	default: return (f->high - f->low) / 2;
	}
}

/* One number of decimals for a column, from its widest spread. */
static int column_decimals(const struct fl_layout *l, const struct fl_figure *f)
{
	double widest = NAN;

	if (l->decimals != FL_UNSET)
		return (int)l->decimals;
	for (size_t r = 0; r < l->s->R; r++)
		widest = fmax(widest, spread_of(l, &f[r]));
	return decimals_of(widest);
}

/* "0.812 ± 0.008" or, where an interval is not symmetric, "0.812 [0.803, 0.819]"; n where
 * it is less than that of the column. */
static void say_figure(const struct fl_layout *l, const struct fl_figure *f, int digits, size_t most,
                       struct fl_str *out)
{
	double low = f->mean - f->low, high = f->high - f->mean, spread = spread_of(l, f);

	fl_str_addf(out, "%.*f", digits, f->mean);
	if (l->shown == FL_SHOW_INTERVAL && fabs(low - high) > 1e-9 * (high + low))
		fl_str_addf(out, " [%.*f, %.*f]", digits, f->low, digits, f->high);
	else if (!isnan(spread))
		fl_str_addf(out, " ± %.*f", digits, spread);
	if (f->n < most)
		fl_str_addf(out, " (n=%zu)", f->n);
}

/* --- cells --- */

/* The keys of a tuple as the next cells of a row. */
static int add_keys(struct fl_grid *g, const struct fl_tuples *t, size_t i, struct fl_err *e)
{
	for (size_t k = 0; k < t->width; k++)
		if (fl_grid_add(g, fl_tuples_get(t, i)[k], 0, e))
			return -1;
	return 0;
}

static int head_keys(struct fl_grid *g, const struct fl_strs *names, size_t *at, struct fl_err *e)
{
	for (size_t k = 0; k < names->n; k++)
		if (fl_grid_head(g, (*at)++, names->v[k], 0, e))
			return -1;
	return 0;
}

/* names: NULL-terminated, of columns of numbers. */
static int head_numbers(struct fl_grid *g, const char *const *names, size_t *at, struct fl_err *e)
{
	for (; *names; names++)
		if (fl_grid_head(g, (*at)++, *names, FL_GRID_NUMBER, e))
			return -1;
	return 0;
}

static int exact_cell(const struct fl_layout *l, size_t c, size_t r, const struct fl_figure *f,
                      struct fl_grid *g, struct fl_err *e)
{
	const struct fl_sheet *s = l->s;

	return add_keys(g, &s->row, r, e) || add_keys(g, &s->column, c / s->how->values.n, e) ||
	       fl_grid_add(g, fl_sheet_value(s, c), 0, e) || fl_grid_count(g, f->n, e) ||
	       fl_grid_number(g, f->mean, e) || fl_grid_number(g, f->sd, e) ||
	       fl_grid_number(g, f->low, e) || fl_grid_number(g, f->high, e) ||
	       fl_grid_count(g, (size_t)f->best, e);
}

static int exact_cells(const struct fl_layout *l, const struct fl_figure *figure, struct fl_grid *g,
                       struct fl_err *e)
{
	static const char *const results[] = { "n", "mean", "sd", "low", "high", "best", NULL };
	const struct fl_sheet *s = l->s;
	size_t at = 0;

	if (fl_grid_init(g, s->row.width + s->column.width + 7, s->R * s->C, e) ||
	    head_keys(g, &s->how->rows, &at, e) || head_keys(g, &s->how->columns, &at, e) ||
	    fl_grid_head(g, at++, "value", 0, e) || head_numbers(g, results, &at, e) || fl_grid_check(g, e))
		return -1;
	for (size_t r = 0; r < s->R; r++)
		for (size_t c = 0; c < s->C; c++)
			if (exact_cell(l, c, r, &figure[c * s->R + r], g, e))
				return -1;
	return 0;
}

/* What the numbers are, in a sentence. */
static int say_note(const struct fl_layout *l, struct fl_grid *g, int best, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc;

	fl_str_add(&s, "Mean");
	if (l->shown == FL_SHOW_INTERVAL)
		fl_str_addf(&s, " and %.6g%% interval (%s)", l->m->level * 100,
		            l->m->interval.entry->name);
	else if (l->shown != FL_SHOW_NONE)
		fl_str_add(&s, l->shown == FL_SHOW_SD ? " and standard deviation"
		                                      : " and standard error");
	fl_str_add(&s, " over");
	for (size_t k = 0; k < l->s->how->over.n; k++)
		fl_str_addf(&s, "%s %s", k ? "," : "", l->s->how->over.v[k]);
	fl_str_add(&s, l->s->how->over.n ? "." : " one number.");
	if (best)
		fl_str_addf(&s,
		            " Bold: better than every other row at %.6g%% (paired test %s, "
		            "correction %s).",
		            (1 - l->m->level) * 100, l->m->test.entry->name,
		            l->m->correction.entry->name);
	rc = fl_str_check(&s, e) || !(g->note = fl_arena_str(&g->arena, fl_str_c(&s), e)) ? -1 : 0;
	fl_str_release(&s);
	return rc;
}

struct fl_column_look {
	int decimals;
	size_t most;		/* units of the fullest cell */
};

static int wide_row(const struct fl_layout *l, const struct fl_figure *figure,
                    const struct fl_column_look *look, size_t r, struct fl_grid *g, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc = add_keys(g, &l->s->row, r, e);

	for (size_t c = 0; c < l->s->C && !rc; c++) {
		const struct fl_figure *f = &figure[c * l->s->R + r];

		fl_str_clear(&s);
		if (f->n)
			say_figure(l, f, look[c].decimals, look[c].most, &s);
		rc = fl_str_check(&s, e) || fl_grid_add(g, f->n ? fl_str_c(&s) : NULL,
		                                        f->best ? FL_GRID_STRONG : 0, e);
	}
	fl_str_release(&s);
	return rc;
}

static int wide_head(const struct fl_layout *l, struct fl_grid *g, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	size_t at = 0;
	int rc = head_keys(g, &l->s->how->rows, &at, e);

	for (size_t c = 0; c < l->s->C && !rc; c++) {
		fl_str_clear(&s);
		fl_sheet_heading(l->s, c, &s);
		rc = fl_str_check(&s, e) || fl_grid_head(g, at++, fl_str_c(&s), FL_GRID_NUMBER, e);
	}
	fl_str_release(&s);
	return rc;
}

static int wide_cells(const struct fl_layout *l, const struct fl_figure *figure, struct fl_grid *g,
                      struct fl_err *e)
{
	size_t R = l->s->R, C = l->s->C;
	struct fl_column_look *look;
	int best = 0;

	if (fl_grid_init(g, l->s->row.width + C, R, e) || wide_head(l, g, e) ||
	    !(look = fl_arena_get(&g->arena, C + 1, sizeof *look, e)))
		return -1;
	for (size_t c = 0; c < C; c++) {
		look[c] = (struct fl_column_look){ column_decimals(l, figure + c * R), 0 };
		for (size_t r = 0; r < R; r++) {
			size_t n = figure[c * R + r].n;

			look[c].most = n > look[c].most ? n : look[c].most;
			best |= figure[c * R + r].best;
		}
	}
	for (size_t r = 0; r < R; r++)
		if (wide_row(l, figure, look, r, g, e))
			return -1;
	return say_note(l, g, best, e);
}

int fl_layout_cells(const struct fl_layout *l, const struct fl_figure *figure, struct fl_grid *g,
                    struct fl_err *e)
{
	g->kind = "cell";
	return l->exact ? exact_cells(l, figure, g, e) : wide_cells(l, figure, g, e);
}

/* --- differences --- */

static int add_label(struct fl_grid *g, const struct fl_tuples *t, size_t i, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc;

	fl_tuples_label(t, i, &s);
	rc = fl_str_check(&s, e) || fl_grid_add(g, fl_str_c(&s), 0, e) ? -1 : 0;
	fl_str_release(&s);
	return rc;
}

/* A number for readers, in digits decimals. */
static int add_rounded(const struct fl_layout *l, struct fl_grid *g, double v, int digits,
                       unsigned flags, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc;

	if (l->exact || isnan(v))
		return fl_grid_number(g, v, e);
	fl_str_addf(&s, "%.*f", digits, v);
	rc = fl_str_check(&s, e) || fl_grid_add(g, fl_str_c(&s), flags, e) ? -1 : 0;
	fl_str_release(&s);
	return rc;
}

/* Small probabilities keep a digit: 0.012, 3e-05. */
static int add_probability(const struct fl_layout *l, struct fl_grid *g, double p, unsigned flags,
                           struct fl_err *e)
{
	char buf[32];

	if (l->exact || isnan(p))
		return fl_grid_number(g, p, e);
	snprintf(buf, sizeof buf, p < .001 ? "%.0e" : "%.3f", p);
	return fl_grid_add(g, buf, flags, e);
}

static int add_pair_row(const struct fl_layout *l, const struct fl_gap *p, struct fl_grid *g,
                        struct fl_err *e)
{
	const struct fl_sheet *s = l->s;
	int digits = l->decimals != FL_UNSET ? (int)l->decimals : decimals_of((p->high - p->low) / 2);
	unsigned certain = p->adjusted < 1 - l->m->level ? FL_GRID_STRONG : 0;

	return add_keys(g, &s->column, p->column / s->how->values.n, e) ||
	       fl_grid_add(g, fl_sheet_value(s, p->column), 0, e) || add_label(g, &s->row, p->a, e) ||
	       add_label(g, &s->row, p->b, e) || fl_grid_count(g, p->n, e) ||
	       add_rounded(l, g, p->mean, digits, certain, e) || add_rounded(l, g, p->low, digits, 0, e) ||
	       add_rounded(l, g, p->high, digits, 0, e) || add_probability(l, g, p->p, 0, e) ||
	       add_probability(l, g, p->adjusted, certain, e);
}

int fl_layout_gaps(const struct fl_layout *l, const struct fl_gaps *pairs, struct fl_grid *g,
                    struct fl_err *e)
{
	static const char *const results[] = { "n", "difference", "low", "high", "p", "adjusted", NULL };
	const struct fl_sheet *s = l->s;
	size_t at = 0;

	g->kind = "difference";
	if (fl_grid_init(g, s->column.width + 9, pairs->n, e) ||
	    head_keys(g, &s->how->columns, &at, e) || fl_grid_head(g, at++, "value", 0, e) ||
	    fl_grid_head(g, at++, "a", 0, e) || fl_grid_head(g, at++, "b", 0, e) ||
	    head_numbers(g, results, &at, e) || fl_grid_check(g, e))
		return -1;
	for (size_t i = 0; i < pairs->n; i++)
		if (add_pair_row(l, &pairs->v[i], g, e))
			return -1;
	return 0;
}

/* --- ranks --- */

struct fl_ranked_row {
	double score;		/* less is better; NAN last */
	uint32_t row;
};

static int by_score(const void *pa, const void *pb)
{
	const struct fl_ranked_row *a = pa, *b = pb;

	if (isnan(a->score) != isnan(b->score))
		return isnan(a->score) ? 1 : -1;
	if (a->score < b->score || a->score > b->score)
		return a->score < b->score ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

/* What a ranking gives, an array of R each. */
struct fl_scores {
	double *score, *se, *share;
	size_t *n;		/* rankings that the row is in */
	struct fl_ranked_row *order;
};

static int rank_head(const struct fl_layout *l, const struct fl_ranking *k, struct fl_grid *g,
                     struct fl_err *e)
{
	const char *results[] = { k->score, "se", "low", "high", k->share, NULL };
	size_t at = 0;

	g->kind = "rank";
	return fl_grid_init(g, l->s->row.width + 6 + (k->share != NULL), l->s->R, e) ||
	       fl_grid_head(g, at++, "rank", FL_GRID_NUMBER, e) || head_keys(g, &l->s->how->rows, &at, e) ||
	       fl_grid_head(g, at++, "rankings", FL_GRID_NUMBER, e) || head_numbers(g, results, &at, e) ||
	       fl_grid_check(g, e);
}

static int rank_rows(const struct fl_layout *l, const struct fl_ranking *k, const struct fl_scores *v,
                     struct fl_grid *g, struct fl_err *e)
{
	double z = fl_normal_critical(1 - l->m->level), widest = NAN;
	size_t place = 0;
	int digits;

	for (size_t r = 0; r < l->s->R; r++)
		widest = fmax(widest, z * v->se[r]);
	digits = l->decimals != FL_UNSET ? (int)l->decimals : decimals_of(widest);
	for (size_t i = 0; i < l->s->R; i++) {
		size_t r = v->order[i].row;
		int none = isnan(v->score[r]);

		if (!i || v->order[i].score > v->order[i - 1].score)
			place = i + 1;
		if ((none ? fl_grid_add(g, NULL, 0, e) : fl_grid_count(g, place, e)) ||
		    add_keys(g, &l->s->row, r, e) || fl_grid_count(g, v->n[r], e) ||
		    add_rounded(l, g, v->score[r], digits, 0, e) || add_rounded(l, g, v->se[r], digits, 0, e) ||
		    add_rounded(l, g, v->score[r] - z * v->se[r], digits, 0, e) ||
		    add_rounded(l, g, v->score[r] + z * v->se[r], digits, 0, e) ||
		    (k->share && add_rounded(l, g, v->share[r], DECIMALS_BARE, 0, e)))
			return -1;
	}
	return 0;
}

/* Fills v, from the best to the worst. */
static int rank_all(const struct fl_layout *l, const struct fl_spec *ranking, struct fl_scores *v,
                    struct fl_err *e)
{
	const struct fl_ranking *k = (const struct fl_ranking *)ranking->entry;
	struct fl_ballots b;
	int rc = fl_ballots_make(&b, l->s, l->m->lower, e) ||
	         k->rank(ranking->p, &b, v->score, v->se, v->share, e) ? -1 : 0;

	for (size_t i = 0; i < l->s->R && !rc; i++)
		v->order[i] = (struct fl_ranked_row){ k->ascending ? v->score[i] : -v->score[i], (uint32_t)i };
	for (size_t i = 0; !rc && i < b.start[b.n]; i++)
		v->n[b.at[i].row]++;
	if (!rc)
		qsort(v->order, l->s->R, sizeof *v->order, by_score);
	fl_ballots_release(&b);
	return rc;
}

int fl_layout_ranks(const struct fl_layout *l, const struct fl_spec *ranking, struct fl_grid *g,
                    struct fl_err *e)
{
	const struct fl_ranking *k = (const struct fl_ranking *)ranking->entry;
	size_t R = l->s->R;
	struct fl_scores v;

	if (rank_head(l, k, g, e) || !(v.score = fl_arena_zero(&g->arena, R, sizeof *v.score, e)) ||
	    !(v.se = fl_arena_zero(&g->arena, R, sizeof *v.se, e)) ||
	    !(v.share = fl_arena_zero(&g->arena, R, sizeof *v.share, e)) ||
	    !(v.n = fl_arena_zero(&g->arena, R, sizeof *v.n, e)) ||
	    !(v.order = fl_arena_zero(&g->arena, R, sizeof *v.order, e)))
		return -1;
	return rank_all(l, ranking, &v, e) || rank_rows(l, k, &v, g, e) ? -1 : 0;
}
