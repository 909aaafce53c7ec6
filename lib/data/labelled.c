/* Labels of tables. */
#include "data/labelled.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "data/data.h"

enum { SHOWN = 12 };	/* labels that a note lists */

#define ADVICE "labels=A+B or labels=@FILE lists the classes in order, or a model has them " \
	"(fl-init --labels; --model)"

/* The rows that have a label. */
struct job {
	const struct fl_labelled *t;
	size_t *at, n;		/* (n) rows */
	int64_t *y;		/* (N) */
};

static int refuse(const struct job *j, size_t i, const char *why, struct fl_err *e)
{
	return fl_fail(e, FL_EDATA, "line %zu: label '%.40s' %s", j->t->line[i], j->t->word[i], why);
}

static int refuse_missing(const struct job *j, size_t i, struct fl_err *e)
{
	return fl_fail(e, FL_EDATA, "line %zu: label '%s' is a missing value; unlabelled=%s takes such "
	               "rows as examples without a label", j->t->line[i], j->t->word[i], j->t->word[i]);
}

/* --- which rows --- */

static int find_rows(struct job *j, struct fl_err *e)
{
	const struct fl_labelled *t = j->t;
	struct fl_word none = { .s = NULL };

	if (t->unlabelled)
		none = fl_word_of(t->unlabelled);
	if (!(j->at = fl_alloc(t->N, sizeof *j->at, e)))
		return -1;
	for (size_t i = 0; i < t->N; i++) {
		struct fl_word w = fl_word_of(t->word[i]);

		j->y[i] = -1;
		if (!none.s || fl_word_order(&w, &none))
			j->at[j->n++] = i;
	}
	return 0;
}

/* --- by name --- */

static int by_name(const struct job *j, const struct fl_names *names, struct fl_err *e)
{
	for (size_t k = 0; k < j->n; k++) {
		size_t i = j->at[k];
		const char *word = j->t->word[i], *near;

		if ((j->y[i] = fl_names_find(names, word)) >= 0)
			continue;
		if (fl_word_missing(word))
			return refuse_missing(j, i, e);
		near = fl_word_of(word).is_number ? NULL : fl_nearest(word, names->name, names->C);
		return fl_fail(e, FL_EDATA, "line %zu: label '%.40s' is none of the %zu classes%s%.40s%s",
		               j->t->line[i], word, names->C, near ? "; did you mean '" : "", near ? near : "",
		               near ? "'?" : "");
	}
	return 0;
}

/* --- by number --- */

static int check_number(const struct job *j, size_t i, int64_t *v, struct fl_err *e)
{
	struct fl_word w = fl_word_of(j->t->word[i]);

	if (fl_word_missing(w.s))
		return refuse_missing(j, i, e);
	if (!w.is_number)
		return refuse(j, i, "is a word: " ADVICE, e);
	if (w.number < -1)
		return refuse(j, i, "is negative: " ADVICE, e);
	if (w.number >= FL_CLASSES_MAX)
		return refuse(j, i, "is above 999999: " ADVICE, e);
	return fl_word_whole(w.s, v) ? refuse(j, i, "is no whole number: " ADVICE, e) : 0;
}

/* 1: they are -1 and 1, as machines tell two classes apart, or -1 alone. */
static int by_number(const struct job *j, struct fl_err *e)
{
	size_t negative = j->n, others = 0;

	for (size_t k = 0; k < j->n; k++) {
		int64_t *v = &j->y[j->at[k]];

		if (check_number(j, j->at[k], v, e))
			return -1;
		if (*v < 0 && negative == j->n)
			negative = k;
		others += *v != -1 && *v != 1;
	}
	if (negative == j->n)
		return 0;
	if (others)
		return refuse(j, j->at[negative], "stands beside others than -1 and 1; if it means that "
		              "there is none, unlabelled=-1 says so; else " ADVICE, e);
	for (size_t k = 0; k < j->n; k++)
		j->y[j->at[k]] = j->y[j->at[k]] > 0;
	return 1;
}

/* Numbers that do not begin at 0 make a class without an example, which may not be meant. */
static int note_gap(const struct job *j, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	unsigned char *seen = fl_alloc(FL_CLASSES_MAX, 1, e);
	size_t kinds = 0, most = 0;

	if (!seen)
		return -1;
	for (size_t k = 0; k < j->n; k++) {
		seen[j->y[j->at[k]]] = 1;
		most = (size_t)j->y[j->at[k]] > most ? (size_t)j->y[j->at[k]] : most;
	}
	for (size_t c = 0; c <= most; c++)
		if (seen[c] && kinds++ < SHOWN)
			fl_str_addf(&s, "%s%zu", kinds > 1 ? "+" : "", c);
	if (!seen[0] && kinds > 1)
		fl_say(FL_LOG_WARN, "%s: labels are classes as they stand: %zu, of which 0 has no example; "
		       "labels=%s%s makes them %zu", j->t->where, most + 1, fl_str_c(&s),
		       kinds > SHOWN ? "+..." : "", kinds);
	else if (!seen[0] && kinds)
		fl_say(FL_LOG_INFO, "%s: the only label, %zu, is a class as it stands, of %zu", j->t->where,
		       most, most + 1);
	free(seen);
	fl_str_release(&s);
	return 0;
}

/* --- all of it --- */

static int set_names(const struct fl_names *names, struct fl_tset *rec, struct fl_err *e)
{
	return fl_names_set(names, rec, e) ||
	       fl_meta_set_i64(rec, "fl.classes", (int64_t)names->C, e) ? -1 : 0;
}

/* Does the column speak of the model's classes by their names? */
static int is_named(const struct job *j, const struct fl_names *names)
{
	int64_t v;

	for (size_t k = 0; k < j->n; k++) {
		const char *word = j->t->word[j->at[k]];

		if (fl_names_find(names, word) >= 0 ||
		    (fl_word_whole(word, &v) && !fl_word_missing(word)))
			return 1;
	}
	return 0;
}

static int take_listed(const struct job *j, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_names names;
	int rc;

	if (fl_names_list(&names, j->t->labels, e))
		return fl_fail_in(e, "labels=%.40s", j->t->labels);
	rc = by_name(j, &names, e) || set_names(&names, rec, e) ? -1 : 0;
	fl_names_release(&names);
	return rc;
}

/* Numbers are a model's classes by their numbers, where none of them is a name. */
static int take_model(const struct job *j, struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_names *names = j->t->names;

	int named = is_named(j, names), signs = named ? by_name(j, names, e) : by_number(j, e);

	if (signs < 0)
		return -1;
	for (size_t k = 0; k < j->n; k++)
		if (j->y[j->at[k]] >= (int64_t)names->C)
			return refuse(j, j->at[k], "is above the classes that the model names", e);
	if (!named && !signs && note_gap(j, e))
		return -1;
	return set_names(names, rec, e);
}

static int take_numbers(const struct job *j, struct fl_tset *rec, struct fl_err *e)
{
	int signs = by_number(j, e);

	if (signs <= 0)
		return signs ? -1 : note_gap(j, e);
	return fl_meta_set(rec, "fl.labels", "[\"-1\",\"+1\"]", e) ||
	       fl_meta_set(rec, "fl.classes", "2", e) ? -1 : 0;
}

int fl_labelled_take(const struct fl_labelled *t, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_tensor *y = fl_tset_add(rec, "y", FL_I64, 1, &t->N, NULL, e);
	struct job j = { .t = t };
	int rc;

	if (!y)
		return -1;
	j.y = y->data;
	rc = find_rows(&j, e);
	if (!rc)
		rc = t->labels ? take_listed(&j, rec, e) : t->names ? take_model(&j, rec, e) :
		     take_numbers(&j, rec, e);
	free(j.at);
	return rc;
}
