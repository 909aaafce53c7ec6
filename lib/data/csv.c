/* CSV and TSV with a header line: one column of labels, the others numbers. Fields
 * may stand in double quotes, as RFC 4180 has them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "data/data.h"
#include "data/labelled.h"
#include "data/source.h"
#include "data/words.h"
#include "tensor/meta.h"

struct params {
	const char *file, *label, *labels, *unlabelled, *id, *group, *drop, *na;
	int missing, scale;
};

enum { REFUSE, LEAVE_OUT, MEAN, INDICATOR };
static const char *const missing_name[] = { "refuse", "drop", "mean", "mean+indicator", NULL };
enum { AS_IS, STANDARD };
static const char *const scale_name[] = { "none", FL_SCALE_STANDARD, NULL };

enum role { VALUE, LABEL, ID, GROUP, DROP };

enum { SHOWN = 8 };	/* columns that a message lists */

struct named {
	const char *name;
	size_t j;
};

struct csv {
	char *text, *next;		/* what is still to be read */
	size_t line, first;		/* line of next; of the row that was read */
	char sep;
	char **field;			/* (n) of the row that was read, NUL-terminated */
	size_t n, cap;
	enum role *role;		/* (columns) */
	const char **column;		/* (columns) names */
	struct named *sorted;		/* (columns) by name */
	size_t columns, d;
	int missing;			/* what becomes of a row with a missing value */
	struct fl_word *na;		/* (nna) words that stand for one, beside the usual */
	size_t nna;
	size_t left_out;
	float *x;			/* (N,d); NAN: missing */
	const char **label, **id, **group;	/* (N) words in text */
	size_t *row;			/* (N) line each row begins in */
	size_t N, xcap, wcap[4];
};

/* Without blanks around it, in place. */
static char *trim(char *s, char *end)
{
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return s + strspn(s, " ");
}

/* A field in quotes at c->next, "" for ". Ends behind the closing one. */
static int quoted(struct csv *c, char **out, struct fl_err *e)
{
	char *from = c->next + 1, *to = *out = from;

	for (;; from++) {
		if (*from == '"' && from[1] == '"')
			from++;
		else if (*from == '"')
			break;
		if (!*from)
			return fl_fail(e, FL_EDATA, "line %zu: quote is not closed", c->first);
		c->line += *from == '\n';
		*to++ = *from;
	}
	c->next = from + 1;
	*to = '\0';
	return 0;
}

/* The field at c->next into *out; c->next is then at what ends it. */
static int field(struct csv *c, char **out, char *end, struct fl_err *e)
{
	char *p, stop[] = { c->sep, '\r', '\n', '\0' };

	if (*c->next == '"') {
		if (quoted(c, out, e))
			return -1;
		*end = *c->next;
		if (*end && !strchr(stop, *end))
			return fl_fail(e, FL_EDATA, "line %zu: '%c' after a closing quote", c->line, *end);
		return 0;
	}
	p = c->next;
	c->next += strcspn(c->next, stop);
	*end = *c->next;
	*out = trim(p, c->next);
	return 0;
}

/* One row into c->field(c->n): 1; end of text: 0. */
static int row(struct csv *c, struct fl_err *e)
{
	char end;

	c->n = 0;
	while (*c->next == '\n' || *c->next == '\r')	/* empty lines */
		c->line += *c->next++ == '\n';
	c->first = c->line;
	if (!*c->next)
		return 0;
	do {
		if (fl_grow(&c->field, &c->cap, c->n + 1, sizeof *c->field, e) ||
		    field(c, &c->field[c->n++], &end, e))
			return -1;
		if (end == '\r') {
			*c->next++ = '\0';
			if ((end = *c->next) && end != '\n')
				return fl_fail(e, FL_EDATA, "line %zu: carriage return inside", c->first);
		}
		if (end)
			*c->next++ = '\0';
	} while (end == c->sep);
	c->line += end == '\n';
	return 1;
}

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->j > y->j) - (x->j < y->j);
}

static int names_only(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* Which columns there are, in a message: the nearest to name, and the first ones. */
static int no_column(const struct csv *c, const char *name, struct fl_err *e)
{
	const char *near = fl_nearest(name, c->column, c->columns);
	struct fl_str s = FL_STR_INIT;
	size_t n = c->columns < SHOWN ? c->columns : SHOWN;

	if (near)
		fl_str_addf(&s, "; did you mean '%.40s'?", near);
	for (size_t j = 0; j < n; j++)
		fl_str_addf(&s, "%s'%.40s'", j ? ", " : near ? " there are " : "; there are ", c->column[j]);
	if (n < c->columns)
		fl_str_addf(&s, " and %zu more", c->columns - n);
	fl_fail(e, FL_EDATA, "line %zu: no column '%.40s'%s", c->first, name, fl_str_c(&s));
	fl_str_release(&s);
	return -1;
}

static int set_role(struct csv *c, const char *name, enum role role, struct fl_err *e)
{
	struct named key = { name, 0 }, *at;

	if (!name)
		return 0;
	at = bsearch(&key, c->sorted, c->columns, sizeof key, names_only);
	if (!at)	/* "drop=" drops the unnamed column that some write, or nothing */
		return role == DROP && !*name ? 0 : no_column(c, name, e);
	c->role[at->j] = role;
	return 0;
}

/* The first column that has the name of one before. */
static int check_twice(const struct csv *c, struct fl_err *e)
{
	size_t first = c->columns;

	for (size_t i = 1; i < c->columns; i++)
		if (!strcmp(c->sorted[i].name, c->sorted[i - 1].name) && c->sorted[i].j < first)
			first = c->sorted[i].j;
	return first == c->columns ? 0 : fl_fail(e, FL_EDATA, "line %zu: two columns '%.40s'", c->first,
	                                         c->column[first]);
}

/* Of a column that is named twice, the first role in this order counts: label, id, group. */
static int set_roles(struct csv *c, const struct params *p, struct fl_arena *a, struct fl_err *e)
{
	struct fl_strs drop = { .n = 0 };

	if (p->drop && fl_spec_words(p->drop, a, &drop, e))
		return fl_fail_in(e, "drop");
	for (size_t i = 0; i < drop.n; i++)
		if (set_role(c, drop.v[i], DROP, e))
			return -1;
	if (set_role(c, p->group, GROUP, e) || set_role(c, p->id, ID, e) ||
	    set_role(c, p->label, LABEL, e))
		return -1;
	for (size_t j = 0; j < c->columns; j++)
		c->d += c->role[j] == VALUE;
	return c->d ? 0 : fl_fail(e, FL_EDATA, "no column is left for inputs");
}

static int header(struct csv *c, const struct params *p, struct fl_arena *a, struct fl_err *e)
{
	int rc;

	c->sep = memchr(c->next, '\t', strcspn(c->next, "\n")) ? '\t' : ',';
	if ((rc = row(c, e)) <= 0)
		return rc ? rc : fl_fail(e, FL_EDATA, "is empty, want a header line");
	c->columns = c->n;
	c->role = fl_arena_get(a, c->n, sizeof *c->role, e);
	c->column = fl_arena_get(a, c->n, sizeof *c->column, e);
	c->sorted = fl_arena_get(a, c->n, sizeof *c->sorted, e);
	if (!c->role || !c->column || !c->sorted)
		return -1;
	for (size_t j = 0; j < c->n; j++) {
		c->role[j] = VALUE;
		c->column[j] = c->field[j];
		c->sorted[j] = (struct named){ c->field[j], j };
	}
	qsort(c->sorted, c->n, sizeof *c->sorted, by_name);
	return check_twice(c, e) || set_roles(c, p, a, e) ? -1 : 0;
}

static int is_missing(const struct csv *c, const struct fl_word *w)
{
	for (size_t i = 0; i < c->nna; i++)
		if (!fl_word_order(&c->na[i], w))
			return 1;
	return !w->is_number && fl_word_missing(w->s);
}

static int no_number(const struct csv *c, size_t j, int missing, int number, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;

	if (missing) {
		fl_str_add(&s, "; missing=drop leaves out rows without a value, missing=mean fills them");
	} else {
		fl_str_add(&s, "; drop=");
		fl_spec_add_word(c->column[j], &s);
		fl_str_add(&s, " leaves the column out");
	}
	fl_fail(e, FL_EDATA, "line %zu: column '%s': '%.40s' is %s%s", c->first, c->column[j], c->field[j],
	        number ? "a missing value" : "not a number", fl_str_c(&s));
	fl_str_release(&s);
	return -1;
}

static int get_na(struct csv *c, const struct params *p, struct fl_arena *a, struct fl_err *e)
{
	struct fl_strs word = { .n = 0 };

	if (!p->na)
		return 0;
	if (fl_spec_words(p->na, a, &word, e))
		return fl_fail_in(e, "na");
	if (!(c->na = fl_arena_get(a, word.n, sizeof *c->na, e)))
		return -1;
	for (; c->nna < word.n; c->nna++)
		c->na[c->nna] = fl_word_of(word.v[c->nna]);
	return 0;
}

static int value(const struct csv *c, size_t j, float *x, struct fl_err *e)
{
	struct fl_word w = fl_word_of(c->field[j]);
	int missing = (!w.is_number || c->nna) && is_missing(c, &w);

	if (missing && c->missing != REFUSE) {
		*x = NAN;
		return 0;
	}
	if (missing || !w.is_number)
		return no_number(c, j, missing, w.is_number, e);
	*x = (float)w.number;
	return isfinite(*x) ? 0 : fl_fail(e, FL_EDATA, "line %zu: column '%s': '%.40s' is too large",
	                                  c->first, c->column[j], c->field[j]);
}

static int room(struct csv *c, struct fl_err *e)
{
	size_t want;

	if (fl_mul(c->N + 1, c->d, &want))
		return fl_fail_mem(e, SIZE_MAX);
	return fl_grow(&c->x, &c->xcap, want, sizeof *c->x, e) ||
	       fl_grow(&c->label, &c->wcap[0], c->N + 1, sizeof *c->label, e) ||
	       fl_grow(&c->id, &c->wcap[1], c->N + 1, sizeof *c->id, e) ||
	       fl_grow(&c->group, &c->wcap[2], c->N + 1, sizeof *c->group, e) ||
	       fl_grow(&c->row, &c->wcap[3], c->N + 1, sizeof *c->row, e) ? -1 : 0;
}

static int has_missing(const float *x, size_t d)
{
	for (size_t j = 0; j < d; j++)
		if (isnan(x[j]))
			return 1;
	return 0;
}

/* The row that was read as example N. */
static int take_row(struct csv *c, struct fl_err *e)
{
	float *x;

	if (c->n != c->columns)
		return fl_fail(e, FL_EDATA, "line %zu: %zu fields, the header has %zu", c->first, c->n,
		               c->columns);
	if (room(c, e))
		return -1;
	x = c->x + c->N * c->d;
	c->id[c->N] = c->group[c->N] = NULL;
	c->row[c->N] = c->first;
	for (size_t j = 0; j < c->n; j++) {
		if ((c->role[j] == ID || c->role[j] == GROUP) && !*c->field[j])
			return fl_fail(e, FL_EDATA, "line %zu: column '%s' is empty", c->first, c->column[j]);
		switch (c->role[j]) {
		case VALUE:
			if (value(c, j, x++, e))
				return -1;
			break;
		case LABEL: c->label[c->N] = c->field[j]; break;
		case ID: c->id[c->N] = c->field[j]; break;
		case GROUP: c->group[c->N] = c->field[j]; break;
		case DROP: break;
		}
	}
	if (c->missing == LEAVE_OUT && has_missing(c->x + c->N * c->d, c->d))
		c->left_out++;
	else
		c->N++;
	return 0;
}

/* Columns that have nothing a mean could be of, unless another record brings means. */
static int check_empty(const struct csv *c, struct fl_err *e)
{
	for (size_t j = 0, k = 0; j < c->columns; j++) {
		struct fl_str s = FL_STR_INIT;
		size_t i = 0;

		if (c->role[j] != VALUE)
			continue;
		while (i < c->N && isnan(c->x[i * c->d + k]))
			i++;
		k++;
		if (i < c->N)
			continue;
		fl_spec_add_word(c->column[j], &s);
		fl_fail(e, FL_EDATA, "column '%s' has no value in any row, and so no mean; drop=%s leaves it out",
		        c->column[j], fl_str_c(&s));
		fl_str_release(&s);
		return -1;
	}
	return 0;
}

/* x: the values and, where they are wanted, for each of them whether it is missing. */
static int add_inputs(const struct csv *c, struct fl_tset *rec, struct fl_err *e)
{
	int flags = c->missing == INDICATOR;
	size_t dim[] = { c->N, flags ? 2 * c->d : c->d };
	struct fl_tensor *t = fl_tset_add(rec, "x", FL_F32, 2, dim, NULL, e);
	float *x = t ? t->data : NULL;

	if (!t)
		return -1;
	for (size_t i = 0; i < c->N; i++, x += dim[1]) {
		memcpy(x, c->x + i * c->d, c->d * sizeof *x);
		for (size_t j = 0; flags && j < c->d; j++)
			x[c->d + j] = (float)isnan(x[j]);
	}
	return 0;
}

/* Whole numbers are the ids themselves, other words (of groups) their ranks. */
static int add_ids(const struct csv *c, const char *name, const char *column, const char **word,
                   int ranks, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_words w;
	int64_t v;

	if (fl_words_rank(word, c->N, &rec->arena, &w, e))
		return -1;
	for (size_t i = 0; !w.whole && !ranks && i < c->N; i++)
		if (fl_word_whole(word[i], &v))
			return fl_fail(e, FL_EDATA, "line %zu: column '%s': '%.40s' is no whole number, as %s= wants",
			               c->row[i], column, word[i], name);
	if (!fl_tset_add(rec, name, FL_I64, 1, &c->N, w.whole ? w.whole : w.rank, e))
		return -1;
	return w.whole ? 0 : fl_groupname_ranks(w.name, w.U, rec, e);
}

static int fill(const struct csv *c, const struct params *p, const struct fl_data_how *how,
                struct fl_tset *rec, struct fl_err *e)
{
	struct fl_labelled labels = {
		.where = p->file, .word = c->label, .line = c->row, .N = c->N,
		.labels = p->labels, .unlabelled = p->unlabelled, .names = how->names,
	};

	if (!c->N)
		return fl_fail(e, FL_EDATA, c->left_out ? "no row has all its values" : "holds no example");
	if (c->left_out)
		fl_say(FL_LOG_WARN, "%s: %zu of %zu rows left out, as asked, which lack a value", p->file,
		       c->left_out, c->left_out + c->N);
	if (c->missing >= MEAN && !how->scale_from && check_empty(c, e))
		return -1;
	if (add_inputs(c, rec, e) || fl_labelled_take(&labels, rec, e) ||
	    (p->id && add_ids(c, "id", p->id, c->id, 0, rec, e)) ||
	    (p->group && add_ids(c, "group", p->group, c->group, 1, rec, e)) ||
	    (p->scale == STANDARD && fl_meta_set(rec, "fl.scale", FL_SCALE_STANDARD, e)) ||
	    (c->missing >= MEAN && fl_meta_set(rec, "fl.fill", FL_FILL_MEAN, e)))
		return -1;
	return fl_meta_set_kind(rec, FL_KIND_DATA, e);
}

static int read_csv(const void *vp, const struct fl_data_how *how, struct fl_tset *rec,
                    struct fl_err *e)
{
	const struct params *p = vp;
	struct csv c = { .line = 1, .missing = p->missing };
	struct fl_arena a = { .head = NULL };
	size_t n;
	int rc = -1;

	if (!p->file || !p->label)
		return fl_fail(e, FL_EUSAGE, "csv wants file= and label=");
	if (!(c.text = c.next = fl_text_read(p->file, &n, e)))
		return -1;
	rc = get_na(&c, p, &a, e) || header(&c, p, &a, e) ? -1 : 0;
	while (!rc && (rc = row(&c, e)) > 0)
		rc = take_row(&c, e);
	if (!rc)
		rc = fill(&c, p, how, rec, e);
	if (rc)
		fl_fail_in(e, "%s", p->file);
	free(c.text);
	free(c.field);
	free(c.x);
	free(c.label);
	free(c.id);
	free(c.group);
	free(c.row);
	fl_arena_release(&a);
	return rc;
}

static const struct fl_param params[] = {
	{ "file", FL_P_PATH, offsetof(struct params, file), NULL, 0, 0, NULL, "file",
	  "the table, plain or gzip; a tab in the header makes it TSV" },
	{ "label", FL_P_STR, offsetof(struct params, label), NULL, 0, 0, NULL, "column",
	  "column of the labels: whole numbers from 0, or words with labels=" },
	FL_PARAMS_LABELLED(struct params),
	{ "id", FL_P_STR, offsetof(struct params, id), NULL, 0, 0, NULL, "column",
	  "column of whole numbers that name the examples" },
	{ "group", FL_P_STR, offsetof(struct params, group), NULL, 0, 0, NULL, "column",
	  "column of natural clients: numbers, or words, which name them" },
	{ "drop", FL_P_RAW, offsetof(struct params, drop), NULL, 0, 0, NULL, "a+b",
	  "columns that are no inputs" },
	{ "missing", FL_P_ENUM, offsetof(struct params, missing), "refuse", 0, 0, missing_name, "how",
	  "rows without a value: refused, left out, filled by means" },
	{ "na", FL_P_RAW, offsetof(struct params, na), NULL, 0, 0, NULL, "a+b",
	  "words for a missing value beside the usual ones, such as -9" },
	{ "scale", FL_P_ENUM, offsetof(struct params, scale), "none", 0, 0, scale_name, "how",
	  "standard: inputs of mean 0 and deviation 1 in the training part" },
	{ .name = NULL }
};

const struct fl_source fl_data_csv = {
	.e = {
		.name = "csv",
		.title = "CSV and TSV",
		.cite = "Shafranovich, RFC 4180",
		.doc = "a table with a header line, one example a row",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "the other columns are the inputs, in order. Labels that are whole numbers from 0 "
		           "are classes as they stand, -1 and 1 alone are 0 and 1; others are refused by "
		           "line unless labels or a model lists them",
	},
	.read_table = read_csv,
};
