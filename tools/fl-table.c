/* fl-table: rows of any tool in, a table of means, differences or ranks out. */
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "cli/tool.h"
#include "table/layout.h"

struct opts {
	const char *rows, *columns, *value, *over, *path, *last, *lower, *differences, *caption, *output;
	struct fl_strs where;
	struct fl_spec interval, test, correction, ranking, format;
	double level;
	int64_t decimals, seed, threads;
	int sort, shown, missing, best, percent, no_sync;
};

enum { MISSING_REFUSE, MISSING_SKIP };
static const char *const missing_name[] = { "refuse", "skip", NULL };
static const char *const sort_name[] = { "key", "input", NULL };			/* enum fl_sheet_sort */
static const char *const shown_name[] = { "interval", "sd", "se", "none", NULL };	/* enum fl_spread_shown */
enum { BEST_CERTAIN, BEST_NEVER };
static const char *const best_name[] = { "certain", "never", NULL };

static const struct fl_opt options[] = {
	FL_OPT_STR(0, "rows", rows, "keys", "fields that label the table's rows, joined by commas",
	  .p.def = ""),
	FL_OPT_STR(0, "columns", columns, "keys", "fields that label its columns", .p.def = ""),
	FL_OPT_STR(0, "value", value, "fields",
	  "numbers that the table is of, each in columns of its own", .flags = FL_O_NEED),
	FL_OPT_STR(0, "over", over, "keys",
	  "fields that tell repetitions apart: seed, client; means are over these", .p.def = "seed"),
	FL_OPT_STRS(0, "where", where, "condition",
	  "rows that count: kind=summary, round>=50, seed=1|2; repeatable"),
	FL_OPT_STR(0, "last", last, "key",
	  "of rows that are otherwise alike, the one with the largest: round"),
	FL_OPT_STR(0, "path", path, "template",
	  "fields from files' names: {method}/{seed}/metrics.jsonl"),
	FL_OPT_STR(0, "lower", lower, "fields", "values of which less is better", .p.def = ""),
	FL_OPT_SPEC(0, "interval", interval, &fl_family_interval, "t", "interval",
	  "how intervals of means are found"),
	FL_OPT_SPEC(0, "test", test, &fl_family_test, "t", "test",
	  "how paired differences are tested"),
	FL_OPT_SPEC(0, "correction", correction, &fl_family_correction, "holm", "correction",
	  "what becomes of a column's many tests"),
	FL_OPT_REAL(0, "level", level, "0.95", .5, .9999999, "p",
	  "of intervals; a difference is certain below 1 minus this"),
	FL_OPT_STR(0, "differences", differences, "row",
	  "paired differences of every two rows, or of all from this one", .flags = FL_O_BARE,
	  .excludes = "rank"),
	FL_OPT_SPEC(0, "rank", ranking, &fl_family_ranking, NULL, "ranking",
	  "one order of the rows over all columns and repetitions"),
	FL_OPT_ENUM(0, "best", best, "certain", best_name, "when",
	  "whether to mark a column's best where it is certain"),
	FL_OPT_ENUM(0, "show", shown, "interval", shown_name, "what",
	  "what stands beside a mean, for readers"),
	FL_OPT_INT(0, "decimals", decimals, NULL, 0, 15, "n",
	  "for readers; else two digits of a column's widest interval"),
	FL_OPT_FLAG(0, "percent", percent, "values times 100"),
	FL_OPT_ENUM(0, "sort", sort, "key", sort_name, "order",
	  "order of rows and columns: by their keys, or as they first come"),
	FL_OPT_ENUM(0, "missing", missing, "refuse", missing_name, "what",
	  "rows without a value: refuse, or leave them out and say so"),
	FL_OPT_STR(0, "caption", caption, "text", "of Markdown, HTML and LaTeX (there a comment)"),
	FL_OPT_SPEC(0, "format", format, &fl_family_format, "tsv", "format",
	  "how to write the table"),
	FL_OPT_SEED,
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

static const struct fl_family *const families[] = {
	&fl_family_format, &fl_family_interval, &fl_family_test, &fl_family_correction,
	&fl_family_ranking, NULL
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_sheet_how how;
	struct fl_sheet sheet;
	struct fl_manner manner;
	struct fl_layout layout;
	struct fl_grid grid;
};

/* --- options --- */

/* Names joined by commas; a name's own comma is %2C. */
static int split_names(struct fl_arena *a, const char *option, const char *text, struct fl_strs *out,
                       struct fl_err *e)
{
	char *at = fl_arena_str(a, text, e), *end;

	*out = (struct fl_strs){ .v = fl_arena_get(a, strlen(text) + 1, sizeof *out->v, e) };
	if (!at || !out->v)
		return -1;
	for (at = *at ? at : NULL; at; at = end) {
		if ((end = strchr(at, ',')))
			*end++ = '\0';
		if (fl_spec_unescape(at, e))
			return fl_fail_in(e, "--%s", option);
		if (!*at)
			return fl_fail(e, FL_EUSAGE, "--%s: '%s' has an empty name", option, text);
		out->v[out->n++] = at;
	}
	return 0;
}

/* No field may be both of two things. */
static int check_once(const struct fl_sheet_how *how, struct fl_err *e)
{
	const struct fl_strs *list[] = { &how->rows, &how->columns, &how->over, &how->values };
	static const char *const name[] = { "rows", "columns", "over", "value" };

	for (size_t a = 0; a < 4; a++)
		for (size_t i = 0; i < list[a]->n; i++)
			for (size_t b = a; b < 4; b++)
				for (size_t j = b == a ? i + 1 : 0; j < list[b]->n; j++)
					if (!strcmp(list[a]->v[i], list[b]->v[j]))
						return fl_fail(e, FL_EUSAGE,
						               "'%s' is in --%s and again in --%s",
						               list[a]->v[i], name[a], name[b]);
	return 0;
}

static int take_options(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_arena *a = &j->run->arena;

	j->how = (struct fl_sheet_how){
		.where = o->where, .path = o->path, .last = o->last, .sort = (enum fl_sheet_sort)o->sort,
		.skip_missing = o->missing == MISSING_SKIP, .scale = o->percent ? 100 : 1,
	};
	if (split_names(a, "rows", o->rows, &j->how.rows, e) ||
	    split_names(a, "columns", o->columns, &j->how.columns, e) ||
	    split_names(a, "over", o->over, &j->how.over, e) ||
	    split_names(a, "value", o->value, &j->how.values, e))
		return -1;
	if (!j->how.values.n)
		return fl_fail(e, FL_EUSAGE, "--value: names no field");
	return check_once(&j->how, e);
}

/* Columns where less is better. */
static int take_lower(struct job *j, struct fl_err *e)
{
	const struct fl_strs *values = &j->how.values;
	unsigned char *lower = fl_arena_zero(&j->run->arena, j->sheet.C, 1, e);
	struct fl_strs names;

	if (!lower || split_names(&j->run->arena, "lower", j->o->lower, &names, e))
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		size_t k = 0;

		while (k < values->n && strcmp(values->v[k], names.v[i]))
			k++;
		if (k == values->n)
			return fl_fail(e, FL_EUSAGE, "--lower: '%s' is no --value", names.v[i]);
		for (size_t c = k; c < j->sheet.C; c += values->n)
			lower[c] = 1;
	}
	j->manner.lower = lower;
	return 0;
}

/* The row that --differences names, or FL_GAPS_ALL. */
static int find_row(const struct job *j, size_t *row, struct fl_err *e)
{
	const struct fl_tuples *rows = &j->sheet.row;
	const char **label = fl_arena_get(&j->run->arena, rows->n + 1, sizeof *label, e);
	const char *near, *want = j->o->differences;
	struct fl_str s = FL_STR_INIT;

	*row = FL_GAPS_ALL;
	for (size_t i = 0; i < rows->n && label && *want; i++) {
		fl_str_clear(&s);
		fl_tuples_label(rows, i, &s);
		if (!(label[i] = fl_arena_str(&j->run->arena, fl_str_c(&s), e)))
			label = NULL;
		else if (!strcmp(label[i], want))
			*row = i;
	}
	fl_str_release(&s);
	if (!label || !*want || *row != FL_GAPS_ALL)
		return label ? 0 : -1;
	near = fl_nearest(want, label, rows->n);
	return fl_fail(e, FL_EDATA, "--differences: no row is '%s'%s%s%s", want,
	               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* --- results --- */

static int make_cells(struct job *j, struct fl_err *e)
{
	struct fl_figure *f = fl_arena_zero(&j->run->arena, j->sheet.R * j->sheet.C, sizeof *f, e);

	return !f || fl_figures_make(&j->sheet, &j->manner, f, e) ||
	       (j->o->best == BEST_CERTAIN && fl_figures_mark(&j->sheet, &j->manner, f, e)) ||
	       fl_layout_cells(&j->layout, f, &j->grid, e) ? -1 : 0;
}

static int make_differences(struct job *j, struct fl_err *e)
{
	struct fl_gaps pairs = { .v = NULL };
	size_t against;
	int rc = find_row(j, &against, e);

	for (size_t c = 0; c < j->sheet.C && !rc; c++)
		rc = fl_gaps_add(&pairs, &j->sheet, &j->manner, c, against, 1, e);
	if (!rc)
		rc = fl_layout_gaps(&j->layout, &pairs, &j->grid, e);
	fl_gaps_release(&pairs);
	return rc;
}

static int make_grid(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	int exact = ((const struct fl_format *)o->format.entry)->exact;

	j->manner = (struct fl_manner){ .interval = o->interval, .test = o->test,
		.correction = o->correction, .level = o->level, .seed = (uint64_t)o->seed, .threads = (int)o->threads };
	j->layout = (struct fl_layout){ &j->sheet, &j->manner, (enum fl_spread_shown)o->shown, o->decimals,
	                                exact };
	j->grid = (struct fl_grid){ .caption = o->caption };
	if (take_lower(j, e))
		return -1;
	return o->ranking.entry ? fl_layout_ranks(&j->layout, &o->ranking, &j->grid, e) :
	       o->differences ? make_differences(j, e) : make_cells(j, e);
}

static int write_grid(struct job *j, struct fl_err *e)
{
	struct fl_out out = { .fd = -1 };
	struct fl_str s = FL_STR_INIT;
	int rc;

	((const struct fl_format *)j->o->format.entry)->write(j->o->format.p, &j->grid, &s);
	rc = fl_str_check(&s, e) || fl_out_open(&out, j->o->output, !j->o->no_sync, e) ||
	     fl_out_write(&out, fl_str_c(&s), s.len, e) || fl_out_commit(&out, e) ? -1 : 0;
	fl_out_abort(&out);
	fl_str_release(&s);
	return rc;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	static const char *const standard[] = { "-" };
	struct job j = { .run = r, .o = r->opts };
	int rc;

	if (take_options(&j, e))
		return -1;
	rc = fl_sheet_read(&j.sheet, &j.how, r->noperand ? r->operand : standard,
	                   r->noperand ? r->noperand : 1, e) ||
	     fl_sheet_warn(&j.sheet, e) || make_grid(&j, e) || write_grid(&j, e) ? -1 : 0;
	fl_grid_release(&j.grid);
	fl_sheet_release(&j.sheet);
	return rc;
}

static const struct fl_tool tool = {
	.name = "fl-table",
	.nd = "rows of any tool to tables with intervals and tests",
	.operands = "[file ...]",
	.reads = "JSON Lines or tables with a header",
	.writes = "a table",
	.opts = options,
	.osize = sizeof(struct opts),
	.families = families,
	.reads_stdin = fl_run_stdin_default,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}
