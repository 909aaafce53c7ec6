#include "table/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/near.h"
#include "base/num.h"
#include "table/pathkeys.h"

#define CELLS_MAX ((size_t)1 << 26)
#define NAMED_MAX 5	/* units that a warning names */
#define WARNED_MAX 10	/* cells that are warned of one by one */

/* What reading needs besides the sheet. */
struct fl_intake {
	struct fl_sheet *s;
	struct fl_lines lines;
	struct fl_condition *where;
	struct fl_str key;		/* of one tuple: texts with their ends */
	const char **part;		/* as many as the widest tuple has */
	uint32_t file;
	size_t rows;			/* read, and of those the ones that count */
	size_t kept;
};

/* --- reading --- */

/* The tuple of the fields of these names in the row at hand. */
static int take_tuple(struct fl_intake *r, struct fl_tuples *t, const struct fl_strs *names,
                      uint32_t *number, struct fl_err *e)
{
	const char *at;

	fl_str_clear(&r->key);
	for (size_t k = 0; k < names->n; k++) {
		int there = fl_lines_text(&r->lines, names->v[k], &r->key, e);

		if (there < 0)
			return -1;
		if (!there) {
			fl_lines_lacks(&r->lines, names->v[k], e);
			return names == &r->s->how->over ? fl_fail_in(e, "--over") : -1;
		}
		fl_str_addc(&r->key, '\0');
	}
	if (fl_str_check(&r->key, e))
		return -1;
	at = fl_str_c(&r->key);
	for (size_t k = 0; k < names->n; k++, at += strlen(at) + 1)
		r->part[k] = at;
	return fl_tuples_add(t, r->part, &r->s->arena, number, e);
}

/* A value that is null was not finite when it was computed: whoever leaves it out must say so. */
static int fail_missing(const struct fl_lines *l, const struct fl_strs *values, struct fl_err *e)
{
	for (size_t k = 0; k < values->n; k++)
		if (json_object_get(l->row, values->v[k]))
			return fl_lines_fail(l, e,
			                     "'%s' is null or missing; --missing skip leaves such "
			                     "rows out",
			                     values->v[k]);
	return fl_lines_lacks(l, values->v[0], e);
}

/* Every value that the row has. */
static int take_values(struct fl_intake *r, struct fl_observed at, struct fl_err *e)
{
	struct fl_sheet *s = r->s;
	const struct fl_strs *values = &s->how->values;
	uint32_t label = at.column;
	size_t found = 0;

	for (size_t k = 0; k < values->n; k++) {
		double v = 0;
		int there = fl_lines_number(&r->lines, values->v[k], &v, e);

		if (there < 0)
			return -1;
		if (!there)
			continue;
		at.value = v * s->how->scale;
		if (!isfinite(at.value))
			return fl_lines_fail(&r->lines, e,
			                     "'%s' is %g, which times %g is beyond double "
			                     "precision",
			                     values->v[k], v, s->how->scale);
		at.column = (uint32_t)(label * values->n + k);
		if (fl_grow(&s->seen, &s->cap, s->n + 1, sizeof *s->seen, e))
			return -1;
		s->seen[s->n++] = at;
		found++;
	}
	if (found)
		return 0;
	s->skipped++;
	return s->how->skip_missing ? 0 : fail_missing(&r->lines, values, e);
}

static int take_row(struct fl_intake *r, struct fl_err *e)
{
	struct fl_sheet *s = r->s;
	const struct fl_sheet_how *how = s->how;
	struct fl_observed at = { .file = r->file, .line = r->lines.line };
	int there;

	r->rows++;
	for (size_t i = 0; i < how->where.n; i++)
		if ((there = fl_condition_holds(&r->where[i], &r->lines, e)) <= 0)
			return there;
	r->kept++;
	if (how->last && (there = fl_lines_number(&r->lines, how->last, &at.last, e)) <= 0)
		return there ? -1 : fl_lines_lacks(&r->lines, how->last, e);
	return take_tuple(r, &s->row, &how->rows, &at.row, e) ||
	       take_tuple(r, &s->column, &how->columns, &at.column, e) ||
	       take_tuple(r, &s->unit, &how->over, &at.unit, e) || take_values(r, at, e) ? -1 : 0;
}

/* A field that the name of the file says may not contradict the row's own. */
static int check_extra(const struct fl_lines *l, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	const char *key;
	json_t *v;
	int rc = 0;

	if (!l->extra)
		return 0;
	json_object_foreach(l->extra, key, v) {
		fl_str_clear(&s);
		if (rc || !json_object_get(l->row, key) || (rc = fl_lines_text(l, key, &s, e)) <= 0)
			continue;
		rc = strcmp(fl_str_c(&s), json_string_value(v)) ?
		     fl_lines_fail(l, e, "'%s' is %s here and %s in the name of the file", key,
		                   fl_str_c(&s), json_string_value(v)) : 0;
	}
	fl_str_release(&s);
	return rc < 0 ? -1 : 0;
}

static int read_file(struct fl_intake *r, const char *path, struct fl_err *e)
{
	const char *template = r->s->how->path;
	int rc;

	if (fl_lines_open(&r->lines, path, e) ||
	    (template && !(r->lines.extra = fl_pathkeys_of(template, path, e))))
		rc = -1;
	else
		while ((rc = fl_lines_next(&r->lines, e)) > 0)
			if ((rc = check_extra(&r->lines, e)) || (rc = take_row(r, e)))
				break;
	fl_lines_release(&r->lines);
	return rc;
}

/* Nothing to show: which condition was it? */
static int fail_empty(const struct fl_intake *r, struct fl_err *e)
{
	const struct fl_strs *where = &r->s->how->where;

	if (!r->rows)
		return fl_fail(e, FL_EDATA, "no row at all in %s%s; JSON Lines are read, and tables below a "
		               "line of names", r->s->file[0], r->file ? " and what follows it" : "");
	for (size_t i = 0; i < where->n; i++)
		if (r->where[i].met < 2)
			return r->where[i].met ?
			       fl_fail(e, FL_EDATA, "none of %zu rows has %s", r->rows, where->v[i]) :
			       fl_fail(e, FL_EDATA, "none of %zu rows has a field '%s', as --where %s asks",
			               r->rows, r->where[i].key, where->v[i]);
	return fl_fail(e, FL_EDATA, "none of %zu rows is left", r->rows);
}

static int read_all(struct fl_intake *r, size_t n, struct fl_err *e)
{
	const struct fl_sheet_how *how = r->s->how;
	size_t width = how->rows.n + how->columns.n + how->over.n;

	if (!(r->where = fl_arena_get(&r->s->arena, how->where.n + 1, sizeof *r->where, e)) ||
	    !(r->part = fl_arena_get(&r->s->arena, width + 1, sizeof *r->part, e)))
		return -1;
	for (size_t i = 0; i < how->where.n; i++)
		if (fl_condition_parse(&r->where[i], how->where.v[i], &r->s->arena, e))
			return fl_fail_in(e, "--where");
	for (size_t i = 0; i < n; i++) {
		r->file = (uint32_t)i;
		if (read_file(r, r->s->file[i], e))
			return -1;
	}
	fl_say(FL_LOG_INFO, "%zu rows read, %zu of them count, %zu numbers", r->rows, r->kept,
	       r->s->n);
	return r->s->n ? 0 : fail_empty(r, e);
}

/* --- order --- */

/* Labels in order; what was observed follows them. */
static int sort_labels(struct fl_sheet *s, struct fl_err *e)
{
	struct fl_tuples *t[] = { &s->row, &s->column, &s->unit };
	uint32_t *place[3] = { NULL };
	size_t V = s->how->values.n;
	int rc = 0;

	for (size_t k = 0; k < 3 && !rc; k++) {
		if (!(place[k] = fl_alloc(t[k]->n + 1, sizeof *place[k], e)))
			rc = -1;
		else if (k < 2 && s->how->sort == FL_SORT_INPUT)
			for (size_t i = 0; i < t[k]->n; i++)
				place[k][i] = (uint32_t)i;
		else
			rc = fl_tuples_order(t[k], place[k], e) ||
			     fl_tuples_move(t[k], place[k], e);
	}
	for (size_t i = 0; i < s->n && !rc; i++) {
		struct fl_observed *o = &s->seen[i];

		o->row = place[0][o->row];
		o->column = (uint32_t)(place[1][o->column / V] * V + o->column % V);
		o->unit = place[2][o->unit];
	}
	for (size_t k = 0; k < 3; k++)
		free(place[k]);
	return rc ? -1 : 0;
}

static int compare(double a, double b)
{
	return (a > b) - (a < b);
}

/* By column, row, unit, the key of --last; then as they were read. */
static int by_place(const void *pa, const void *pb)
{
	const struct fl_observed *a = pa, *b = pb;

	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	if (a->row != b->row)
		return a->row < b->row ? -1 : 1;
	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	if (a->last < b->last || a->last > b->last)
		return compare(a->last, b->last);
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

static int same_place(const struct fl_observed *a, const struct fl_observed *b)
{
	return a->column == b->column && a->row == b->row && a->unit == b->unit;
}

static int fail_twice(const struct fl_sheet *s, const struct fl_observed *first,
                      const struct fl_observed *again, struct fl_err *e)
{
	struct fl_str of = FL_STR_INIT, unit = FL_STR_INIT;

	fl_tuples_say(&s->row, first->row, s->how->rows.v, &of);
	if (s->column.width)
		fl_str_add(&of, s->row.width ? ", " : "");
	fl_tuples_say(&s->column, first->column / s->how->values.n, s->how->columns.v, &of);
	fl_tuples_say(&s->unit, first->unit, s->how->over.v, &unit);
	fl_fail(e, FL_EDATA,
	        "%s: line %zu: a second %s of %s%s%s; the first is %s: line %zu; --where "
	        "or --last choose among rows, and more keys in --rows, --columns or --over tell "
	        "them apart",
	        s->file[again->file], again->line, fl_sheet_value(s, first->column),
	        *fl_str_c(&unit) ? fl_str_c(&unit) : "the only unit", *fl_str_c(&of) ? ", " : "",
	        fl_str_c(&of), s->file[first->file], first->line);
	fl_str_release(&of);
	fl_str_release(&unit);
	return -1;
}

/* Sorts, and leaves one observation a unit. */
static int settle(struct fl_sheet *s, struct fl_err *e)
{
	size_t kept = 0;

	qsort(s->seen, s->n, sizeof *s->seen, by_place);
	for (size_t i = 0; i < s->n; i++) {
		struct fl_observed *before = kept ? &s->seen[kept - 1] : NULL;

		if (!before || !same_place(before, &s->seen[i]))
			s->seen[kept++] = s->seen[i];
		else if (!s->how->last || !(before->last < s->seen[i].last))
			return fail_twice(s, before, &s->seen[i], e);
		else
			*before = s->seen[i];
	}
	s->n = kept;
	return 0;
}

static int index_cells(struct fl_sheet *s, struct fl_err *e)
{
	size_t cells, at = 0;

	s->R = s->row.n;
	s->C = s->column.n * s->how->values.n;
	s->U = s->unit.n;
	if (fl_mul(s->R, s->C, &cells) || cells > CELLS_MAX)
		return fl_fail(e, FL_EDATA, "%zu rows of %zu columns: too large for a table", s->R,
		               s->C);
	if (!(s->start = fl_alloc(cells + 1, sizeof *s->start, e)))
		return -1;
	for (size_t i = 0; i < cells; i++) {
		s->start[i] = at;
		while (at < s->n && s->seen[at].column * s->R + s->seen[at].row == i)
			at++;
	}
	s->start[cells] = s->n;
	return 0;
}

int fl_sheet_read(struct fl_sheet *s, const struct fl_sheet_how *how, const char *const *file,
                  size_t n, struct fl_err *e)
{
	struct fl_intake r = { .s = s };
	int rc;

	*s = (struct fl_sheet){ .how = how, .file = file, .row.width = how->rows.n,
	                        .column.width = how->columns.n, .unit.width = how->over.n };
	if (how->path && fl_pathkeys_check(how->path, e))
		return fl_fail_in(e, "--path");
	rc = read_all(&r, n, e) || sort_labels(s, e) || settle(s, e) || index_cells(s, e) ? -1 : 0;
	fl_str_release(&r.key);
	return rc;
}

void fl_sheet_release(struct fl_sheet *s)
{
	fl_tuples_release(&s->row);
	fl_tuples_release(&s->column);
	fl_tuples_release(&s->unit);
	free(s->seen);
	free(s->start);
	fl_arena_release(&s->arena);
	*s = (struct fl_sheet){ .how = NULL };
}

/* --- what it holds --- */

const struct fl_observed *fl_sheet_cell(const struct fl_sheet *s, size_t column, size_t row,
                                        size_t *n)
{
	size_t cell = column * s->R + row;

	*n = s->start[cell + 1] - s->start[cell];
	return s->seen + s->start[cell];
}

const char *fl_sheet_value(const struct fl_sheet *s, size_t column)
{
	return s->how->values.v[column % s->how->values.n];
}

void fl_sheet_heading(const struct fl_sheet *s, size_t column, struct fl_str *out)
{
	fl_tuples_label(&s->column, column / s->how->values.n, out);
	if (s->how->values.n > 1 || !s->column.width)
		fl_str_addf(out, "%s%s", s->column.width ? ", " : "", fl_sheet_value(s, column));
}

/* Units of the column that no row of cell (c,r) has, from the marks have(U). */
static void say_missing(const struct fl_sheet *s, size_t c, size_t r, const unsigned char *have,
                        size_t lacks, size_t n)
{
	struct fl_str of = FL_STR_INIT, units = FL_STR_INIT;
	size_t m, named = 0;
	const struct fl_observed *o = fl_sheet_cell(s, c, r, &m);

	fl_tuples_say(&s->row, r, s->how->rows.v, &of);
	fl_str_add(&of, s->row.width ? ", " : "");
	fl_sheet_heading(s, c, &of);
	for (size_t u = 0; u < s->U && named < NAMED_MAX; u++) {
		while (m && o->unit < u)
			o++, m--;
		if (!have[u] || (m && o->unit == u))
			continue;
		fl_str_add(&units, named++ ? "; " : "");
		fl_tuples_say(&s->unit, u, s->how->over.v, &units);
	}
	fl_say(FL_LOG_WARN, "%s: %zu of %zu, without %s%s", fl_str_c(&of), n - lacks, n,
	       fl_str_c(&units), lacks > named ? " and others" : "");
	fl_str_release(&of);
	fl_str_release(&units);
}

/* Cells of column c that lack a unit; the first of them are named. */
static size_t warn_column(const struct fl_sheet *s, size_t c, unsigned char *have, size_t warned)
{
	size_t n = 0, m, incomplete = 0;

	memset(have, 0, s->U);
	for (size_t r = 0; r < s->R; r++) {
		const struct fl_observed *o = fl_sheet_cell(s, c, r, &m);

		for (size_t i = 0; i < m; i++) {
			n += !have[o[i].unit];
			have[o[i].unit] = 1;
		}
	}
	for (size_t r = 0; r < s->R; r++) {
		fl_sheet_cell(s, c, r, &m);
		if (m == n)
			continue;
		if (warned + incomplete < WARNED_MAX)
			say_missing(s, c, r, have, n - m, n);
		incomplete++;
	}
	return incomplete;
}

int fl_sheet_warn(const struct fl_sheet *s, struct fl_err *e)
{
	unsigned char *have = fl_alloc(s->U + 1, 1, e);
	size_t warned = 0;

	if (!have)
		return -1;
	for (size_t c = 0; c < s->C; c++)
		warned += warn_column(s, c, have, warned);
	if (warned > WARNED_MAX)
		fl_say(FL_LOG_WARN, "and %zu other cells are incomplete or empty",
		       warned - WARNED_MAX);
	if (s->skipped)
		fl_say(FL_LOG_WARN, "%zu rows without a value left out, as asked", s->skipped);
	free(have);
	return 0;
}
