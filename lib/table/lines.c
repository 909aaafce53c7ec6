#include "table/lines.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/num.h"
#include "data/words.h"

#define KEYS_MAX 256	/* of a row's keys, this many are looked at for what was meant */

int fl_lines_fail(const struct fl_lines *l, struct fl_err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fl_vfail(e, FL_EDATA, fmt, ap);
	va_end(ap);
	return fl_fail_in(e, "%s: line %zu", l->file, l->line);
}

const char *fl_lines_name(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

/* Standard input may be what cannot be opened once more by a name. */
char *fl_lines_load(const char *path, struct fl_err *e)
{
	size_t n = 0;
	char *text;

	if (strcmp(path, "-"))
		return fl_text_read(path, &n, e);
	if ((text = fl_read_file(path, SIZE_MAX / 4, &n, e)) && strlen(text) != n) {
		fl_fail(e, FL_EDATA, "standard input: byte %zu is NUL: no text", strlen(text));
		free(text);
		text = NULL;
	}
	return text;
}

/* The next line that is not empty, cut off at its end; NULL: none is left. */
static char *next_line(struct fl_lines *l)
{
	while (*l->next) {
		char *line = l->next, *end = line + strcspn(line, "\n");

		l->line++;
		l->next = *end ? end + 1 : end;
		*end = '\0';
		if (end > line && end[-1] == '\r')
			end[-1] = '\0';
		if (line[strspn(line, " \t")])
			return line;
	}
	return NULL;
}

/* The fields of line, each cut off at its tab, as column names. */
static int take_head(struct fl_lines *l, char *line, struct fl_err *e)
{
	size_t cap = 0;

	for (char *at = line, *end; at; at = end) {
		if ((end = strchr(at, '\t')))
			*end++ = '\0';
		if (fl_grow(&l->head, &cap, l->nhead + 1, sizeof *l->head, e))
			return -1;
		if (!*at)
			return fl_lines_fail(l, e, "column %zu has no name", l->nhead + 1);
		for (size_t i = 0; i < l->nhead; i++)
			if (!strcmp(l->head[i], at))
				return fl_lines_fail(l, e, "two columns are called '%s'", at);
		l->head[l->nhead++] = at;
	}
	return 0;
}

int fl_lines_open(struct fl_lines *l, const char *path, struct fl_err *e)
{
	char *text = fl_lines_load(path, e);

	*l = (struct fl_lines){ .file = NULL };
	return text ? fl_lines_take(l, fl_lines_name(path), text, e) : -1;
}

int fl_lines_take(struct fl_lines *l, const char *file, char *text, struct fl_err *e)
{
	char *line;

	*l = (struct fl_lines){ .file = file, .text = text };
	l->next = l->text + strspn(l->text, " \t\r\n");
	for (const char *c = l->text; c < l->next; c++)
		l->line += *c == '\n';
	if (!*l->next || *l->next == '{')
		return 0;
	if (*l->next == '[')
		return fl_fail(e, FL_EDATA,
		               "%s: begins with '[': want JSON Lines, an object a line, or a "
		               "table with a header and tabs",
		               l->file);
	line = next_line(l);
	return take_head(l, line, e);
}

static int parse_fields(struct fl_lines *l, char *line, struct fl_err *e)
{
	size_t i = 0;

	if (!(l->row = json_object()))
		return fl_fail_mem(e, sizeof(json_t *));
	for (char *at = line, *end; at; at = end, i++) {
		if ((end = strchr(at, '\t')))
			*end++ = '\0';
		if (i < l->nhead && json_object_set_new(l->row, l->head[i], json_string(at)))
			return fl_lines_fail(l, e, "column '%s' is not UTF-8", l->head[i]);
	}
	if (i != l->nhead)
		return fl_lines_fail(l, e, "%zu fields, the header has %zu", i, l->nhead);
	return 0;
}

static int parse_object(struct fl_lines *l, const char *line, struct fl_err *e)
{
	if (!(l->row = fl_json_load(line, strlen(line), e)))
		return fl_fail_in(e, "%s: line %zu", l->file, l->line);
	if (!json_is_object(l->row))
		return fl_lines_fail(l, e, "is no JSON object, as a row must be");
	return 0;
}

int fl_lines_next(struct fl_lines *l, struct fl_err *e)
{
	char *line;

	json_decref(l->row);
	l->row = NULL;
	if (!(line = next_line(l)))
		return 0;
	if (l->head ? parse_fields(l, line, e) : parse_object(l, line, e))
		return -1;
	return 1;
}

void fl_lines_release(struct fl_lines *l)
{
	json_decref(l->row);
	json_decref(l->extra);
	free(l->head);
	free(l->text);
	*l = (struct fl_lines){ .file = NULL };
}

/* The field of that name, or by its points the field of an object in the row. */
static const json_t *find_field(const struct fl_lines *l, const char *key)
{
	const json_t *v = json_object_get(l->row, key), *at = l->row;
	const char *point;

	if (!v && l->extra)
		v = json_object_get(l->extra, key);
	while (!v && json_is_object(at) && (point = strchr(key, '.'))) {
		at = json_object_getn(at, key, (size_t)(point - key));
		key = point + 1;
		v = json_is_object(at) ? json_object_get(at, key) : NULL;
	}
	return v;
}

int fl_lines_text(const struct fl_lines *l, const char *key, struct fl_str *out, struct fl_err *e)
{
	const json_t *v = find_field(l, key);
	const char *s = json_string_value(v);

	if (!v || json_is_null(v) || (l->head && s && (!*s || !strcmp(s, "-"))))
		return 0;
	if (s)
		fl_str_add(out, s);
	else if (json_is_integer(v))
		fl_str_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		fl_str_addnum(out, json_real_value(v));
	else if (json_is_boolean(v))
		fl_str_add(out, json_is_true(v) ? "true" : "false");
	else
		return fl_lines_fail(l, e, "'%s' is %s, no key", key,
		                     json_is_array(v) ? "an array" : "an object");
	return fl_str_check(out, e) ? -1 : 1;
}

/* The text of a table with a header. */
static int number_of_text(const struct fl_lines *l, const char *key, const char *s, double *v,
                          struct fl_err *e)
{
	struct fl_word w = fl_word_of(s);

	*v = w.number;
	if (w.is_number)
		return 1;
	if (fl_word_missing(s))
		return 0;
	return fl_lines_fail(l, e, "'%s' is '%s', no number", key, s);
}

int fl_lines_number(const struct fl_lines *l, const char *key, double *v, struct fl_err *e)
{
	const json_t *f = find_field(l, key);

	if (!f || json_is_null(f))
		return 0;
	if (json_is_number(f)) {
		*v = json_number_value(f);
		return 1;
	}
	if (json_is_string(f) && l->head)
		return number_of_text(l, key, json_string_value(f), v, e);
	if (json_is_string(f))
		return fl_lines_fail(l, e, "'%s' is the text \"%s\", no number", key,
		                     json_string_value(f));
	return fl_lines_fail(l, e, "'%s' is %s, no number", key,
	                     json_is_boolean(f) ? "a truth value" : json_is_array(f) ? "an array" :
	                     "an object");
}

int fl_lines_lacks(const struct fl_lines *l, const char *key, struct fl_err *e)
{
	const char *names[KEYS_MAX + 1], *near, *have;
	size_t n = 0;
	json_t *v;

	json_object_foreach(l->row, have, v)
		if (n < KEYS_MAX)
			names[n++] = have;
	near = fl_nearest(key, names, n);
	return near && strcmp(near, key) ?
	       fl_lines_fail(l, e, "has no '%s'; did you mean '%s'?", key, near) :
	       fl_lines_fail(l, e, "has no '%s'", key);
}
