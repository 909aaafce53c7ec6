/* Texts of classes. */
#include "data/classes.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "data/words.h"

/* --- class of each text --- */

/* first and row from the class of each of n entries, class_of(n) < C. */
static int fill(struct fl_classes *c, const uint32_t *class_of, const uint32_t *row, size_t n,
                struct fl_err *e)
{
	size_t *first = fl_arena_zero(&c->arena, c->C + 2, sizeof *first, e);
	uint32_t *out = fl_arena_get(&c->arena, n, sizeof *out, e);

	if (!first || !out)
		return -1;
	/* Counts two further on, so that filling moves first to its place. */
	for (size_t i = 0; i < n; i++)
		first[class_of[i] + 2]++;
	for (size_t i = 2; i < c->C + 2; i++)
		first[i] += first[i - 1];
	for (size_t i = 0; i < n; i++)
		out[first[class_of[i] + 1]++] = row ? row[i] : (uint32_t)i;
	c->first = first;
	c->row = out;
	for (size_t k = 0; k < c->C; k++)
		if (first[k] == first[k + 1])
			return fl_fail(e, FL_EDATA, "class %zu has no text", k);
	return 0;
}

static int by_rule(struct fl_classes *c, const struct fl_embeds *texts, size_t C, struct fl_err *e)
{
	uint32_t *class_of = fl_alloc(texts->N, sizeof *class_of, e);
	int rc;

	if (!class_of)
		return -1;
	for (size_t i = 0; i < texts->N; i++)
		class_of[i] = (uint32_t)(i % C);
	c->C = C;
	rc = fill(c, class_of, NULL, texts->N, e);
	free(class_of);
	return rc;
}

static int each(struct fl_classes *c, const struct fl_embeds *texts, const char *count,
                struct fl_err *e)
{
	uint64_t C;

	if (fl_num_u64(count, &C) || !C)
		return fl_fail(e, FL_EUSAGE, "want each:C, C classes");
	if (texts->N % C)
		return fl_fail(e, FL_EDATA, "%zu texts are not as many for each of %" PRIu64 " classes",
		               texts->N, C);
	return by_rule(c, texts, (size_t)C, e);
}

static int by_label(struct fl_classes *c, const struct fl_embeds *texts, struct fl_err *e)
{
	uint32_t *class_of;
	int rc = 0;

	if (!texts->has_label)
		return fl_fail(e, FL_EDATA, "texts have no labels");
	if (!(class_of = fl_alloc(texts->N, sizeof *class_of, e)))
		return -1;
	for (size_t i = 0; !rc && i < texts->N; i++) {
		int32_t label = fl_embeds_label(texts, i);

		/* Classes have a text each, so there are no more than texts. */
		if (label < 0 || (size_t)label >= texts->N)
			rc = fl_fail(e, FL_EDATA, "text row %zu: label %" PRId32 " of %zu texts", i, label,
			             texts->N);
		class_of[i] = (uint32_t)label;
		c->C = (size_t)label >= c->C ? (size_t)label + 1 : c->C;
	}
	if (!rc)
		rc = fill(c, class_of, NULL, texts->N, e);
	free(class_of);
	return rc;
}

/* --- JSON --- */

struct list {
	uint32_t *class_of, *row;	/* (n) */
	uint32_t *last;			/* (texts) 1 + the last class that had this text, or 0 */
	size_t n, texts;
};

/* 1 where every key is a number below the number of keys. */
static int numbered(json_t *root)
{
	const char *key;
	json_t *value;
	int64_t c;

	json_object_foreach(root, key, value)
		if (fl_num_i64(key, &c) || c < 0 || (size_t)c >= json_object_size(root))
			return 0;
	return 1;
}

static int add_row(struct list *l, uint32_t class_of, const json_t *v, struct fl_err *e)
{
	json_int_t row = json_integer_value(v);

	if (!json_is_integer(v))
		return fl_fail(e, FL_EDATA, "want text rows");
	if (row < 0 || (size_t)row >= l->texts)
		return fl_fail(e, FL_EDATA, "text row %" JSON_INTEGER_FORMAT ", there are %zu", row,
		               l->texts);
	if (l->last[row] == class_of + 1)
		return fl_fail(e, FL_EDATA, "text row %" JSON_INTEGER_FORMAT " occurs twice", row);
	l->last[row] = class_of + 1;
	l->class_of[l->n] = class_of;
	l->row[l->n++] = (uint32_t)row;
	return 0;
}

static int add_rows(struct list *l, uint32_t class_of, const json_t *value, struct fl_err *e)
{
	if (!json_is_array(value))
		return add_row(l, class_of, value, e);
	for (size_t i = 0; i < json_array_size(value); i++)
		if (add_row(l, class_of, json_array_get(value, i), e))
			return -1;
	return 0;
}

static size_t count_rows(json_t *root)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(root, key, value)
		n += json_is_array(value) ? json_array_size(value) : 1;
	return n;
}

/* name(C): filled where keys are names. */
static int read_object(struct list *l, json_t *root, const char **name, struct fl_arena *a,
                       struct fl_err *e)
{
	int64_t at = 0, c = 0;
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value) {
		if (!name)
			fl_num_i64(key, &c);
		else if (!(name[c = at++] = fl_arena_str(a, key, e)))
			return -1;
		if (add_rows(l, (uint32_t)c, value, e))
			return fl_fail_in(e, "\"%.40s\"", key);
	}
	return 0;
}

static int from_object(struct fl_classes *c, json_t *root, size_t texts, struct fl_err *e)
{
	size_t n = count_rows(root);
	struct fl_arena a = { 0 };
	struct list l = { fl_arena_get(&a, n, sizeof *l.class_of, e), fl_arena_get(&a, n, sizeof *l.row, e),
	                  fl_arena_zero(&a, texts, sizeof *l.last, e), 0, texts };
	const char **name = NULL;
	int rc = l.class_of && l.row && l.last ? 0 : -1;

	c->C = json_object_size(root);
	if (!rc && !numbered(root) && !(name = fl_arena_zero(&c->arena, c->C, sizeof *name, e)))
		rc = -1;
	if (!rc)
		rc = read_object(&l, root, name, &c->arena, e);
	if (!rc)
		rc = fill(c, l.class_of, l.row, l.n, e);
	c->name = name;
	fl_arena_release(&a);
	return rc;
}

static int from_json(struct fl_classes *c, const char *path, size_t texts, struct fl_err *e)
{
	size_t n;
	char *text = fl_text_read(path, &n, e);
	json_t *root;
	int rc;

	if (!text)
		return -1;
	root = fl_json_load(text, n, e);
	free(text);
	if (!root)
		rc = -1;
	else if (!json_is_object(root) || !json_object_size(root))
		rc = fl_fail(e, FL_EDATA, "want an object: {\"class\": [text rows]}");
	else
		rc = from_object(c, root, texts, e);
	json_decref(root);
	return rc ? fl_fail_in(e, "%s", path) : 0;
}

/* --- names --- */

/* fl.labels of the texts' record, where it names as many classes. */
static int take_names(struct fl_classes *c, const struct fl_embeds *texts, struct fl_err *e)
{
	const char *labels = fl_meta_get(&texts->part[0].rec, "fl.labels");
	const char **name;
	json_t *root;
	int rc = -1;

	if (!labels || c->name)
		return 0;
	if (!(root = fl_json_load(labels, strlen(labels), e)))
		return fl_fail_in(e, "%s: fl.labels", texts->part[0].name);
	if (!json_is_array(root) || json_array_size(root) != c->C) {
		json_decref(root);
		return 0;
	}
	if ((name = fl_arena_get(&c->arena, c->C, sizeof *name, e))) {
		rc = 0;
		for (size_t i = 0; !rc && i < c->C; i++) {
			const char *s = json_string_value(json_array_get(root, i));

			if (!(name[i] = fl_arena_str(&c->arena, s ? s : "", e)))
				rc = -1;
		}
		c->name = name;
	}
	json_decref(root);
	return rc;
}

/* --- all of it --- */

int fl_classes_open(struct fl_classes *c, const char *source, const struct fl_embeds *texts,
                    struct fl_err *e)
{
	int rc;

	*c = (struct fl_classes){ .C = 0 };
	if (!source)
		source = texts->has_label ? "label" : "rows";
	if (texts->N >= UINT32_MAX)
		rc = fl_fail(e, FL_EDATA, "%zu texts are too many", texts->N);
	else if (!strcmp(source, "rows"))
		rc = by_rule(c, texts, texts->N, e);
	else if (!strcmp(source, "label"))
		rc = by_label(c, texts, e);
	else if (!strncmp(source, "each:", 5))
		rc = each(c, texts, source + 5, e);
	else
		rc = from_json(c, source, texts->N, e);
	if (!rc)
		rc = take_names(c, texts, e);
	if (rc)
		fl_classes_release(c);
	return rc;
}

void fl_classes_release(struct fl_classes *c)
{
	fl_arena_release(&c->arena);
	*c = (struct fl_classes){ .C = 0 };
}

static double length_of(const double *v, size_t d)
{
	double sum = 0;

	for (size_t i = 0; i < d; i++)
		sum += v[i] * v[i];
	return sqrt(sum);
}

/* sum(d) of the texts' unit vectors times their weights; x(d) and unit(d) are room. */
static void add_texts(const struct fl_classes *c, size_t class_of, const struct fl_embeds *texts,
                      const double *k, float *x, double *unit, double *sum)
{
	size_t d = texts->d;

	memset(sum, 0, d * sizeof *sum);
	for (size_t t = c->first[class_of]; t < c->first[class_of + 1]; t++) {
		double scale;

		fl_embeds_gather(texts, &c->row[t], 1, x);
		for (size_t i = 0; i < d; i++)
			unit[i] = (double)x[i];
		scale = (k ? k[c->row[t]] : 1) / length_of(unit, d);
		for (size_t i = 0; i < d; i++)
			sum[i] += scale * unit[i];
	}
}

/* Whether one of the class's texts weighs anything. */
static int weighs_any(const struct fl_classes *c, size_t class_of, const double *k)
{
	size_t t = c->first[class_of];

	while (t < c->first[class_of + 1] && !(k[c->row[t]] > 0))
		t++;
	return t < c->first[class_of + 1];
}

int fl_classes_directions(const struct fl_classes *c, const struct fl_embeds *texts,
                          const double *k, float *w, double *kappa, struct fl_err *e)
{
	size_t d = texts->d;
	struct fl_arena a = { 0 };
	double *sum = fl_arena_get(&a, d, sizeof *sum, e), *unit = fl_arena_get(&a, d, sizeof *unit, e);
	float *x = fl_arena_get(&a, d, sizeof *x, e);
	int rc = sum && unit && x ? 0 : -1;

	for (size_t i = 0; !rc && i < c->C; i++) {
		int flat = k && !weighs_any(c, i, k);
		double length;

		add_texts(c, i, texts, flat ? NULL : k, x, unit, sum);
		length = length_of(sum, d);
		if (!(length > 0))
			rc = fl_fail(e, FL_EDATA, "class %zu: its texts have no common direction", i);
		for (size_t j = 0; j < d; j++)
			w[i * d + j] = (float)(sum[j] / length);
		if (kappa)
			kappa[i] = flat ? 0 : length / (double)(c->first[i + 1] - c->first[i]);
	}
	fl_arena_release(&a);
	return rc;
}
