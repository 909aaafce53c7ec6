/* Names of classes. */
#include "data/names.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/json.h"
#include "base/spec.h"
#include "data/data.h"
#include "tensor/stream.h"

struct fl_named {
	struct fl_word w;
	size_t c;
};

/* --- looking up --- */

static int by_word(const void *a, const void *b)
{
	const struct fl_named *x = a, *y = b;
	int order = fl_word_order(&x->w, &y->w);

	return order ? order : (x->c > y->c) - (x->c < y->c);
}

static int make_order(struct fl_names *n, struct fl_err *e)
{
	struct fl_named *order = fl_arena_get(&n->arena, n->C, sizeof *order, e);

	if (!order)
		return -1;
	for (size_t c = 0; c < n->C; c++)
		order[c] = (struct fl_named){ fl_word_of(n->name[c]), c };
	qsort(order, n->C, sizeof *order, by_word);
	n->order = order;
	return 0;
}

int64_t fl_names_find(const struct fl_names *n, const char *word)
{
	struct fl_word w = fl_word_of(word);
	size_t lo = 0, hi = n->C;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (fl_word_order(&n->order[mid].w, &w) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return *word && lo < n->C && !fl_word_order(&n->order[lo].w, &w) ? (int64_t)n->order[lo].c : -1;
}

/* --- records --- */

static int take_array(struct fl_names *n, const json_t *list, struct fl_err *e)
{
	const char **name;

	n->C = json_array_size(list);
	if (!json_is_array(list) || !n->C || n->C > FL_CLASSES_MAX)
		return fl_fail(e, FL_EDATA, "is no list of 1 to %d names", FL_CLASSES_MAX);
	if (!(name = fl_arena_get(&n->arena, n->C, sizeof *name, e)))
		return -1;
	for (size_t c = 0; c < n->C; c++) {
		const char *s = json_string_value(json_array_get(list, c));

		if (!s)
			return fl_fail(e, FL_EDATA, "the name of class %zu is no string", c);
		if (!(name[c] = fl_arena_str(&n->arena, s, e)))
			return -1;
	}
	n->name = name;
	return make_order(n, e);
}

int fl_names_of(struct fl_names *n, const struct fl_tset *rec, struct fl_err *e)
{
	const char *text = fl_meta_get(rec, "fl.labels");
	json_t *list;
	int rc;

	*n = (struct fl_names){ .C = 0 };
	if (!text)
		return 0;
	if (!(list = fl_json_load(text, strlen(text), e)))
		return fl_fail_in(e, "fl.labels");
	rc = take_array(n, list, e);
	json_decref(list);
	if (!rc)
		return 1;
	fl_names_release(n);
	return fl_fail_in(e, "fl.labels");
}

/* The names in a file of one record of that kind (-1: any). */
static int load(struct fl_names *n, const char *path, int kind, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	int rc = fl_stream_load(path, kind, &rec, e);

	if (!rc && (rc = fl_names_of(n, &rec, e)) < 0)
		fl_fail_in(e, "%s", path);
	else if (!rc)
		rc = fl_fail(e, FL_EDATA, "%s: has no fl.labels: no names of classes; fl-init --labels "
		             "gives a model some", path);
	fl_tset_release(&rec);
	return rc < 0 ? -1 : 0;
}

int fl_names_model(struct fl_names *n, const char *path, struct fl_err *e)
{
	*n = (struct fl_names){ .C = 0 };
	return load(n, path, FL_KIND_MODEL, e);
}

int fl_names_set(const struct fl_names *n, struct fl_tset *rec, struct fl_err *e)
{
	json_t *list = json_array();
	char *text;
	int rc = list ? 0 : -1;

	for (size_t c = 0; !rc && c < n->C; c++)
		if (json_array_append_new(list, json_string(n->name[c])))
			rc = fl_fail(e, FL_EDATA, "label '%.40s' is not UTF-8", n->name[c]);
	text = rc ? NULL : json_dumps(list, JSON_COMPACT);
	json_decref(list);
	if (!text)
		return rc && list ? -1 : fl_fail_mem(e, n->C);
	rc = fl_meta_set(rec, "fl.labels", text, e);
	free(text);
	return rc;
}

/* --- lists that people write --- */

/* Begins as a record does, plain or gzip. Of a pipe nothing is taken. */
static int is_record(const char *path)
{
	unsigned char b[9];
	struct stat st;
	gzFile f;
	int yes;

	if (stat(path, &st) || !S_ISREG(st.st_mode) || !(f = gzopen(path, "rb")))
		return 0;
	yes = gzread(f, b, sizeof b) == (int)sizeof b && !b[5] && !b[6] && !b[7] && b[8] == '{';
	gzclose_r(f);
	return yes;
}

static int check_list(struct fl_names *n, enum fl_code code, struct fl_err *e)
{
	if (n->C < 2 || n->C > FL_CLASSES_MAX)
		return fl_fail(e, code, "want 2 to %d names of classes, not %zu", FL_CLASSES_MAX, n->C);
	for (size_t c = 0; c < n->C; c++)
		if (!*n->name[c])
			return fl_fail(e, code, "name %zu of %zu is empty", c + 1, n->C);
	if (make_order(n, e))
		return -1;
	for (size_t i = 1; i < n->C; i++)
		if (!fl_word_order(&n->order[i - 1].w, &n->order[i].w))
			return fl_fail(e, code, "names %zu and %zu are one: '%.40s'", n->order[i - 1].c + 1,
			               n->order[i].c + 1, n->order[i].w.s);
	return 0;
}

static int take_words(struct fl_names *n, const char *text, struct fl_err *e)
{
	struct fl_strs word;

	if (fl_spec_words(text, &n->arena, &word, e))
		return -1;
	n->name = word.v;
	n->C = word.n;
	return check_list(n, FL_EUSAGE, e);
}

/* text without blanks at either end of a line and without its last, empty line. */
static int take_lines(struct fl_names *n, char *text, struct fl_err *e)
{
	size_t lines = 0;
	const char **name;

	for (const char *s = text; *s; lines++)
		s += strcspn(s, "\n") + (s[strcspn(s, "\n")] != '\0');
	if (!(name = fl_arena_get(&n->arena, lines, sizeof *name, e)))
		return -1;
	for (char *s = text, *next; n->C < lines; s = next) {
		char *end = s + strcspn(s, "\n");

		next = end + (*end != '\0');
		while (end > s && strchr(" \t\r", end[-1]))
			end--;
		*end = '\0';
		s += strspn(s, " \t");
		if (!(name[n->C++] = fl_arena_str(&n->arena, s, e)))
			return -1;
	}
	n->name = name;
	return check_list(n, FL_EDATA, e);
}

static int take_file(struct fl_names *n, const char *path, struct fl_err *e)
{
	char *text;
	size_t size;
	int rc;

	if (is_record(path))
		return load(n, path, -1, e);
	if (!(text = fl_text_read(path, &size, e)))
		return -1;
	rc = take_lines(n, text, e) ? fl_fail_in(e, "%s", path) : 0;
	free(text);
	return rc;
}

static int take_path(struct fl_names *n, const char *text, struct fl_err *e)
{
	char *path = strdup(text + (*text == '@'));
	int rc;

	if (!path)
		return fl_fail_mem(e, strlen(text));
	if (!(rc = fl_spec_unescape(path, e)))
		rc = *text == '@' ? take_file(n, path, e) : is_record(path) ? load(n, path, -1, e) :
		     fl_fail(e, FL_EUSAGE, "want names of classes: two or more, such as sick+well; @FILE, "
		             "with a name a line; or a record, which '%.40s' is not", path);
	free(path);
	return rc;
}

int fl_names_list(struct fl_names *n, const char *text, struct fl_err *e)
{
	int rc;

	*n = (struct fl_names){ .C = 0 };
	rc = *text == '@' || !strchr(text, '+') ? take_path(n, text, e) : take_words(n, text, e);
	if (rc)
		fl_names_release(n);
	return rc;
}

void fl_names_release(struct fl_names *n)
{
	fl_arena_release(&n->arena);
	*n = (struct fl_names){ .C = 0 };
}

/* --- agreement --- */

struct fl_said {
	const char *name, *who;
};

static int same_name(const char *a, const char *b)
{
	struct fl_word x = fl_word_of(a), y = fl_word_of(b);

	return !fl_word_order(&x, &y);
}

static int add_names(struct fl_accord *a, const struct fl_names *n, const char *who, struct fl_err *e)
{
	const char *mine = NULL;

	if (fl_grow(&a->said, &a->cap, n->C, sizeof *a->said, e))
		return -1;
	while (a->C < n->C)
		a->said[a->C++] = (struct fl_said){ "", NULL };
	for (size_t c = 0; c < n->C; c++) {
		struct fl_said *s = &a->said[c];

		if (!*n->name[c])
			continue;
		if (*s->name && !same_name(s->name, n->name[c]))
			return fl_fail(e, FL_EDATA, "%s: class %zu is '%.40s', but '%.40s' in %s: tables read with "
			               "the same labels=, or with fl-partition --model, agree", who, c, n->name[c],
			               s->name, s->who);
		/* Of two ways to write a number the order of the records must not choose. */
		if (*s->name && strcmp(s->name, n->name[c]) <= 0)
			continue;
		if ((!mine && !(mine = fl_arena_str(&a->arena, who, e))) ||
		    !(s->name = fl_arena_str(&a->arena, n->name[c], e)))
			return -1;
		s->who = mine;
	}
	return 0;
}

int fl_accord_add(struct fl_accord *a, const struct fl_tset *rec, const char *file,
                  struct fl_err *e)
{
	const char *text = fl_meta_get(rec, "fl.labels"), *client = fl_meta_get(rec, "fl.client");
	struct fl_str who = FL_STR_INIT;
	struct fl_names n;
	int rc;

	if (!text || (a->last && !strcmp(a->last, text)))
		return 0;
	fl_str_addf(&who, client ? "%s: client %.20s" : "%s", file, client);
	if (!(rc = fl_str_check(&who, e)) && (rc = fl_names_of(&n, rec, e)) < 0)
		fl_fail_in(e, "%s", fl_str_c(&who));
	if (rc > 0) {
		rc = add_names(a, &n, fl_str_c(&who), e);
		fl_names_release(&n);
	}
	free(a->last);
	a->last = NULL;
	if (!rc && !(a->last = strdup(text)))
		rc = fl_fail_mem(e, strlen(text));
	fl_str_release(&who);
	return rc;
}

int fl_accord_pair(const struct fl_tset *rec, const char *file, const struct fl_tset *other,
                   const char *other_file, struct fl_err *e)
{
	struct fl_accord a = { .C = 0 };
	int rc = fl_accord_add(&a, rec, file, e) || fl_accord_add(&a, other, other_file, e) ? -1 : 0;

	fl_accord_release(&a);
	return rc;
}

int fl_accord_set(const struct fl_accord *a, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_names n = { .C = a->C };
	const char **name = fl_arena_get(&n.arena, a->C, sizeof *name, e);
	int rc = name ? 0 : -1;

	for (size_t c = 0; name && c < a->C; c++)
		name[c] = a->said[c].name;
	n.name = name;
	if (!rc && n.C)
		rc = fl_names_set(&n, rec, e);
	fl_names_release(&n);
	return rc;
}

void fl_accord_release(struct fl_accord *a)
{
	free(a->said);
	free(a->last);
	fl_arena_release(&a->arena);
	*a = (struct fl_accord){ .C = 0 };
}
