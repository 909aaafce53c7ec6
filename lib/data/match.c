/* Pairs of rows from records, JSON and rules. */
#include "data/match.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/io.h"
#include "base/json.h"
#include "base/num.h"
#include "data/named.h"
#include "data/words.h"

/* What is being read: where pairs go and what they are checked against. */
struct reading {
	struct fl_match *m;
	size_t texts, images;
	int reverse, skip;
};

static int add(struct reading *r, size_t from, size_t to, struct fl_err *e)
{
	struct fl_match *m = r->m;
	size_t cap = m->cap;

	if (m->n == m->cap && (fl_grow(&m->from, &cap, m->n + 1, sizeof *m->from, e) ||
	                       fl_grow(&m->to, &m->cap, m->n + 1, sizeof *m->to, e)))
		return -1;
	m->from[m->n] = (uint32_t)from;
	m->to[m->n++] = (uint32_t)to;
	return 0;
}

static int add_pair(struct reading *r, size_t text, size_t image, struct fl_err *e)
{
	return r->reverse ? add(r, image, text, e) : add(r, text, image, e);
}

/* --- rules --- */

static int diagonal(struct reading *r, struct fl_err *e)
{
	if (r->texts != r->images)
		return fl_fail(e, FL_EDATA, "%zu texts and %zu images do not go together row by row; "
		               "pairs must say which belong together", r->texts, r->images);
	for (size_t i = 0; i < r->texts; i++)
		if (add(r, i, i, e))
			return -1;
	return 0;
}

static int groups(struct reading *r, const char *count, struct fl_err *e)
{
	uint64_t K;
	size_t texts;

	if (fl_num_u64(count, &K) || !K)
		return fl_fail(e, FL_EUSAGE, "want groups:K, K texts an image");
	if (fl_mul(r->images, (size_t)K, &texts) || texts != r->texts)
		return fl_fail(e, FL_EDATA, "%zu texts are not %" PRIu64 " for each of %zu images",
		               r->texts, K, r->images);
	for (size_t i = 0; i < texts; i++)
		if (add_pair(r, i, i / (size_t)K, e))
			return -1;
	return 0;
}

/* --- records --- */

/* Element i of t, of integers; what is beyond a row's range stays beyond it. */
static double element(const struct fl_tensor *t, size_t i)
{
	double v;

	fl_dtype_to_f64(t->dtype, (const char *)t->data + i * fl_dtype_size(t->dtype), &v, 1);
	return v;
}

static int row_of(double v, size_t rows, const char *what, size_t *row, struct fl_err *e)
{
	*row = 0;
	if (!(v >= 0 && v < (double)rows))
		return fl_fail(e, FL_EDATA, "%s row %.0f, there are %zu", what, v, rows);
	*row = (size_t)v;
	return 0;
}

static int from_two_columns(struct reading *r, const struct fl_tensor *t, struct fl_err *e)
{
	for (size_t i = 0, text, image; i < t->dim[0]; i++) {
		if (row_of(element(t, 2 * i), r->texts, "text", &text, e) ||
		    row_of(element(t, 2 * i + 1), r->images, "image", &image, e))
			return fl_fail_in(e, "%s[%zu]", t->name, i);
		if (add_pair(r, text, image, e))
			return -1;
	}
	return 0;
}

static int from_one_column(struct reading *r, const struct fl_tensor *t, struct fl_err *e)
{
	if (t->n != r->texts)
		return fl_fail(e, FL_EDATA, "tensor '%s' has %zu entries, there are %zu texts", t->name,
		               t->n, r->texts);
	for (size_t i = 0, image; i < t->n; i++) {
		if (row_of(element(t, i), r->images, "image", &image, e))
			return fl_fail_in(e, "%s[%zu]", t->name, i);
		if (add_pair(r, i, image, e))
			return -1;
	}
	return 0;
}

static int from_tensor(struct reading *r, const struct fl_tensor *t, struct fl_err *e)
{
	char shape[256];

	if (fl_dtype_is_integer(t->dtype)) {
		if (t->ndim == 2 && t->dim[1] == 2)
			return from_two_columns(r, t, e);
		if (t->ndim == 1)
			return from_one_column(r, t, e);
	}
	return fl_fail(e, FL_EDATA, "tensor '%s' is %s %s, want integers: (text row, image row) pairs, "
	               "or the image row of each text", t->name, fl_dtype_name(t->dtype),
	               fl_tensor_shape_str(t, shape, sizeof shape));
}

static int from_named(struct reading *r, const char *source, const char *path,
                      struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	int rc = fl_named_load(source, "pairs", &rec, e);

	if (!rc && (rc = from_tensor(r, &rec.t[0], e)))
		fl_fail_in(e, "%s", path);
	fl_tset_release(&rec);
	return rc;
}

/* --- JSON --- */

static int json_whole(const json_t *v, int64_t *x, struct fl_err *e)
{
	if (json_is_integer(v)) {
		*x = json_integer_value(v);
		return 0;
	}
	if (json_is_string(v) && !fl_num_i64(json_string_value(v), x))
		return 0;
	return fl_fail(e, FL_EDATA, "want whole numbers");
}

/* {"text row": image row}, {"text row": [image rows]} */
static int json_rows(struct reading *r, const char *key, json_t *value, struct fl_err *e)
{
	size_t n = json_is_array(value) ? json_array_size(value) : 1, text, image;
	int64_t k, v;

	if (fl_num_i64(key, &k))
		return fl_fail(e, FL_EDATA, "is no row");
	if (row_of((double)k, r->texts, "text", &text, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (json_whole(json_is_array(value) ? json_array_get(value, i) : value, &v, e) ||
		    row_of((double)v, r->images, "image", &image, e) || add_pair(r, text, image, e))
			return -1;
	return 0;
}

/* Sides of pairs by id. */
struct ids {
	const struct fl_embeds *from, *to;
};

/* 1: there it is; 0: passed over; -1: refused. */
static int find_id(struct reading *r, const struct fl_embeds *m, int64_t id, size_t *row,
                   struct fl_err *e)
{
	*row = 0;
	if (!fl_embeds_find(m, id, row))
		return 1;
	if (!r->skip)
		return fl_fail(e, FL_EDATA, "%s has no id %" PRId64, m->part[0].name, id);
	r->m->missing++;
	return 0;
}

/* {"id": [ids]} */
static int json_ids(struct reading *r, const struct ids *ids, const char *key, json_t *value,
                    struct fl_err *e)
{
	size_t from, to;
	int64_t k, v;
	int there;

	if (fl_num_i64(key, &k))
		return fl_fail(e, FL_EDATA, "is no id");
	if ((there = find_id(r, ids->from, k, &from, e)) <= 0)
		return there;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (json_whole(json_array_get(value, i), &v, e) ||
		    (there = find_id(r, ids->to, v, &to, e)) < 0 || (there && add(r, from, to, e)))
			return -1;
	return 0;
}

static int from_object(struct reading *r, json_t *root, const struct ids *ids, struct fl_err *e)
{
	int by_id = ids->from->byid && ids->to->byid;
	const char *key;
	json_t *value;

	if (!json_is_object(root))
		return fl_fail(e, FL_EDATA, "want an object: {\"text row\": image row} or {\"id\": [ids]}");
	json_object_foreach(root, key, value)
		if (json_is_array(value) && by_id ? json_ids(r, ids, key, value, e) :
		                                          json_rows(r, key, value, e))
			return fl_fail_in(e, "\"%.40s\"", key);
	return 0;
}

static int from_json(struct reading *r, const char *path, const struct fl_embeds *from,
                     const struct fl_embeds *to, struct fl_err *e)
{
	const struct ids ids = { from, to };
	size_t n;
	char *text = fl_text_read(path, &n, e);
	json_t *root;
	int rc = -1;

	if (!text)
		return -1;
	root = fl_json_load(text, n, e);
	free(text);
	if (root)
		rc = from_object(r, root, &ids, e);
	json_decref(root);
	return rc ? fl_fail_in(e, "%s", path) : 0;
}

/* --- which of them --- */

/* Whether the file, plain or gzip, begins as JSON does: a record's first 8 bytes hold
 * a length, with zeros. */
static int is_json(const char *path, int *yes, struct fl_err *e)
{
	char head[9] = "";
	int fd = fl_open(path, O_RDONLY), n;
	gzFile f = fd < 0 ? NULL : gzdopen(fd, "rb");

	if (!f) {
		fl_fail(e, FL_EIO, "%s: %s (no file, and not diagonal or groups:K)", path,
		        fd < 0 ? strerror(errno) : "out of memory");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	n = gzread(f, head, 8);
	gzclose_r(f);
	*yes = n > 0 && strlen(head) == (size_t)n && strchr("{[", head[strspn(head, " \t\r\n\xef\xbb\xbf")]);
	return 0;
}

static int from_file(struct reading *r, const char *source, const struct fl_embeds *from,
                     const struct fl_embeds *to, struct fl_err *e)
{
	const char *name;
	char *path;
	int json = 0, rc;

	if (fl_named_split(source, &path, &name, e))
		return -1;
	rc = strcmp(path, "-") ? is_json(path, &json, e) : 0;
	if (!rc && json && name)
		rc = fl_fail(e, FL_EDATA, "%s: is JSON, which holds no tensor '%s'", path, name);
	else if (!rc && json)
		rc = from_json(r, path, from, to, e);
	else if (!rc)
		rc = from_named(r, source, path, e);
	free(path);
	return rc;
}

int fl_match_read(struct fl_match *m, const char *source, const struct fl_embeds *from,
                  const struct fl_embeds *to, int reverse, int skip, struct fl_err *e)
{
	struct reading r = { m, reverse ? to->N : from->N, reverse ? from->N : to->N, reverse, skip };

	*m = (struct fl_match){ .n = 0 };
	if (from->N >= UINT32_MAX || to->N >= UINT32_MAX)
		return fl_fail(e, FL_EDATA, "%zu and %zu rows are more than can be paired", from->N, to->N);
	if (!source || !strcmp(source, "diagonal"))
		return diagonal(&r, e);
	if (!strncmp(source, "groups:", 7))
		return groups(&r, source + 7, e) ? fl_fail_in(e, "%s", source) : 0;
	return from_file(&r, source, from, to, e);
}

void fl_match_release(struct fl_match *m)
{
	free(m->from);
	free(m->to);
	*m = (struct fl_match){ .n = 0 };
}
