#include "policy/crowd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/near.h"
#include "base/num.h"
#include "table/lines.h"
#include "tensor/meta.h"
#include "tensor/stream.h"

#define PARTITION "{\"schema\":\"fl-partition/"
#define FIELDS_MAX 256

/* --- fields --- */

static double *find_field(const struct fl_crowd *c, const char *name)
{
	for (size_t i = 0; i < c->fields; i++)
		if (!strcmp(c->field[i].name, name))
			return c->field[i].v;
	return NULL;
}

/* A new field of cap numbers, all missing. */
static double *add_field(struct fl_crowd *c, const char *name, struct fl_err *e)
{
	struct fl_crowd_field f = { fl_arena_str(&c->arena, name, e), NULL };
	size_t cap = 0;

	if (c->fields == FIELDS_MAX) {
		fl_fail(e, FL_EDATA, "more than %d numbers of a client", FIELDS_MAX);
		return NULL;
	}
	if (!f.name || fl_grow(&c->field, &c->fieldcap, c->fields + 1, sizeof *c->field, e) ||
	    fl_grow(&f.v, &cap, c->cap ? c->cap : 1, sizeof *f.v, e))
		return NULL;
	for (size_t i = 0; i < c->cap; i++)
		f.v[i] = NAN;
	c->field[c->fields++] = f;
	return f.v;
}

/* Room for one more client, of whom nothing is known. */
static int add_client(struct fl_crowd *c, int64_t id, struct fl_err *e)
{
	size_t was = c->cap;

	if (fl_grow(&c->id, &c->cap, c->n + 1, sizeof *c->id, e))
		return -1;
	for (size_t k = 0; k < c->fields && c->cap > was; k++) {
		size_t cap = was;

		if (fl_grow(&c->field[k].v, &cap, c->cap, sizeof(double), e))
			return -1;
		for (size_t i = was; i < c->cap; i++)
			c->field[k].v[i] = NAN;
	}
	c->id[c->n++] = id;
	return 0;
}

static int set_field(struct fl_crowd *c, const char *name, double v, struct fl_err *e)
{
	double *at = find_field(c, name);

	if (!at && !(at = add_field(c, name, e)))
		return -1;
	at[c->n - 1] = v;
	return 0;
}

const double *fl_crowd_get(const struct fl_crowd *c, const char *name, const char *what,
                           struct fl_err *e)
{
	const double *v = find_field(c, name);
	static const double nobody[1];
	const char *names[FIELDS_MAX], *near;

	if (!v && !strcmp(name, "examples"))
		v = find_field(c, "n");
	for (size_t i = 0; v && i < c->n; i++)
		if (!isfinite(v[i])) {
			fl_fail(e, FL_EDATA, "client %" PRId64 " has no '%s', which %s wants",
			        c->id[i], name, what);
			return NULL;
		}
	if (v || !c->n)
		return v ? v : nobody;
	for (size_t i = 0; i < c->fields; i++)
		names[i] = c->field[i].name;
	near = fl_nearest(name, names, c->fields);
	fl_fail(e, FL_EDATA,
	        "%s wants '%s' of each client: a file of clients or --with gives it%s%s%s", what,
	        name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return NULL;
}

/* --- order --- */

struct fl_placed_client {
	int64_t id;
	double round;
	size_t i;
};

static int by_client(const void *pa, const void *pb)
{
	const struct fl_placed_client *a = pa, *b = pb;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->round < b->round || a->round > b->round)
		return a->round < b->round ? -1 : 1;
	return (a->i > b->i) - (a->i < b->i);
}

/* One row a client, that of its last round: rows place(n) in order become rows 0..; how many. */
static int keep_last(const struct fl_crowd *c, struct fl_placed_client *place, size_t *kept,
                     struct fl_err *e)
{
	*kept = 0;
	for (size_t i = 0; i < c->n; i++) {
		struct fl_placed_client *before = *kept ? &place[*kept - 1] : NULL;

		if (!before || before->id != place[i].id)
			place[(*kept)++] = place[i];
		else if (before->round < place[i].round)
			*before = place[i];
		else
			return fl_fail(e, FL_EDATA, "client %" PRId64 " occurs twice", place[i].id);
	}
	return 0;
}

static int sort_clients(struct fl_crowd *c, struct fl_err *e)
{
	struct fl_placed_client *place = fl_alloc(c->n + 1, sizeof *place, e);
	double *v = fl_alloc(c->n + 1, sizeof *v, e), *round = find_field(c, "round");
	size_t kept = 0;
	int rc = place && v ? 0 : -1;

	for (size_t i = 0; i < c->n && !rc; i++)
		place[i] = (struct fl_placed_client){ c->id[i], round && !isnan(round[i]) ? round[i] : -1, i };
	if (!rc) {
		qsort(place, c->n, sizeof *place, by_client);
		rc = keep_last(c, place, &kept, e);
	}
	for (size_t k = 0; k < c->fields && !rc; k++) {
		for (size_t i = 0; i < kept; i++)
			v[i] = c->field[k].v[place[i].i];
		memcpy(c->field[k].v, v, kept * sizeof *v);
	}
	for (size_t i = 0; i < kept && !rc; i++)
		c->id[i] = place[i].id;
	c->n = kept;
	free(place);
	free(v);
	return rc;
}

size_t fl_crowd_find(const struct fl_crowd *c, int64_t id)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->id[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->n && c->id[low] == id ? low : c->n;
}

/* --- files --- */

int fl_crowd_number(struct fl_crowd *c, size_t n, struct fl_err *e)
{
	*c = (struct fl_crowd){ .file = "--clients" };
	if (fl_grow(&c->id, &c->cap, n, sizeof *c->id, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		c->id[i] = (int64_t)i;
	c->n = n;
	return 0;
}

/* Ids alone, a line each. */
static int read_ids(struct fl_crowd *c, char *text, struct fl_err *e)
{
	size_t line = 0;

	for (char *at = text, *end; *at; at = end) {
		int64_t id;

		line++;
		end = at + strcspn(at, "\n");
		if (*end)
			*end++ = '\0';
		at[strcspn(at, "\r")] = '\0';
		if (!*at)
			continue;
		if (fl_num_i64(at, &id) || id < 0)
			return fl_fail(e, FL_EDATA, "line %zu: '%s' is no client id", line, at);
		if (add_client(c, id, e))
			return -1;
	}
	return 0;
}

/* The numbers of the row at hand, by name. */
static int take_numbers(struct fl_crowd *c, const struct fl_lines *l, struct fl_err *e)
{
	const char *key;
	json_t *field;

	json_object_foreach(l->row, key, field) {
		struct fl_err none;
		double v;

		if (strcmp(key, "client") && fl_lines_number(l, key, &v, &none) > 0 &&
		    set_field(c, key, v, e))
			return -1;
	}
	return 0;
}

static int take_row(struct fl_crowd *c, const struct fl_lines *l, struct fl_err *e)
{
	const json_t *kind = json_object_get(l->row, "kind");
	double id;
	int there;

	if (json_is_string(kind) && strcmp(json_string_value(kind), "client"))
		return 0;
	if ((there = fl_lines_number(l, "client", &id, e)) <= 0)
		return there ? -1 : fl_lines_lacks(l, "client", e);
	if (!(id >= 0 && id < 0x1p53 && !(id > floor(id))))
		return fl_lines_fail(l, e, "client %g is no id, a whole number from 0 on", id);
	return add_client(c, (int64_t)id, e) || take_numbers(c, l, e) ? -1 : 0;
}

/* Takes text. */
static int read_rows(struct fl_crowd *c, const char *file, char *text, struct fl_err *e)
{
	struct fl_lines l;
	int rc = fl_lines_take(&l, file, text, e);

	while (!rc && (rc = fl_lines_next(&l, e)) > 0)
		rc = take_row(c, &l, e);
	fl_lines_release(&l);
	return rc;
}

/* A row of label counts of client i. */
static int take_counts(struct fl_crowd *c, const json_t *row, size_t i, struct fl_err *e)
{
	if (!json_is_array(row) || json_array_size(row) != c->labels)
		return fl_fail(e, FL_EDATA, "'counts' row %zu: want %zu numbers", i, c->labels);
	for (size_t k = 0; k < c->labels; k++)
		c->count[i * c->labels + k] = json_number_value(json_array_get(row, k));
	return 0;
}

/* partition.json: client first + i has sizes[i] examples, counts[i] of its labels. */
static int take_partition(struct fl_crowd *c, const json_t *root, struct fl_err *e)
{
	const json_t *sizes = json_object_get(root, "sizes"), *counts = json_object_get(root, "counts");
	int64_t first = json_integer_value(json_object_get(root, "first"));
	size_t n = json_array_size(sizes);

	if (!n || first < 0)
		return fl_fail(e, FL_EDATA, "has no 'sizes' of clients");
	for (size_t i = 0; i < n; i++)
		if (add_client(c, first + (int64_t)i, e) ||
		    set_field(c, "examples", json_number_value(json_array_get(sizes, i)), e))
			return -1;
	if (json_array_size(counts) != n)
		return 0;
	c->labels = json_array_size(json_array_get(counts, 0));
	if (!(c->count = fl_alloc(n * c->labels + 1, sizeof *c->count, e)))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (take_counts(c, json_array_get(counts, i), i, e))
			return -1;
	return 0;
}

static int read_partition(struct fl_crowd *c, const char *text, struct fl_err *e)
{
	json_t *root = fl_json_load(text, strlen(text), e);
	int rc = root ? take_partition(c, root, e) : -1;

	json_decref(root);
	return rc;
}

int fl_crowd_read(struct fl_crowd *c, const char *path, struct fl_err *e)
{
	const char *file = fl_lines_name(path);
	char *text = fl_lines_load(path, e);
	int rc;

	*c = (struct fl_crowd){ .file = file };
	if (!text)
		return -1;
	if (!strncmp(text, PARTITION, strlen(PARTITION))) {
		rc = read_partition(c, text, e) ? fl_fail_in(e, "%s", file) : 0;
		free(text);
	} else if (strchr("0123456789", text[strspn(text, "\r\n")])) {
		rc = read_ids(c, text, e) ? fl_fail_in(e, "%s", file) : 0;
		free(text);
	} else {
		rc = read_rows(c, file, text, e);
	}
	return rc ? -1 : sort_clients(c, e) ? fl_fail_in(e, "%s", file) : 0;
}

/* --- joining --- */

/* Whether the file begins as a safetensors record does. */
static int is_record(const char *path)
{
	unsigned char head[9];
	int fd = strcmp(path, "-") ? fl_open(path, O_RDONLY) : -1;
	int yes = fd >= 0 && fl_read_full(fd, head, sizeof head, NULL) == sizeof head && head[8] == '{' &&
	          !head[5] && !head[6] && !head[7];

	if (fd >= 0)
		close(fd);
	return yes;
}

/* out(d) = the row of unit length; 0, or -1 for one without direction. */
static int take_centre(const struct fl_tensor *t, size_t row, size_t d, float *out)
{
	double squares = 0;

	fl_dtype_to_f32(t->dtype,
	                (const unsigned char *)t->data + row * d * fl_dtype_size(t->dtype), out, d);
	for (size_t k = 0; k < d; k++)
		squares += (double)out[k] * out[k];
	if (!(squares > 0 && isfinite(squares)))
		return -1;
	for (size_t k = 0; k < d; k++)
		out[k] = (float)(out[k] / sqrt(squares));
	return 0;
}

/* Centres of one client, in the order in which records come. */
struct fl_centres {
	float *v;		/* (n,d) */
	size_t n, cap, d;
	size_t *owner;		/* (n) */
	size_t ownercap;
};

static int add_centres(struct fl_centres *s, const struct fl_crowd *c, const struct fl_tset *rec,
                       struct fl_err *e)
{
	const struct fl_tensor *mean = fl_tset_find(rec, "mean"), *count = fl_tset_find(rec, "count");
	int64_t client = -1;
	size_t at;

	if (fl_meta_i64(rec, "fl.client", &client, e) < 0)
		return -1;
	if (client < 0 || !mean || mean->ndim != 2 || !fl_dtype_is_float(mean->dtype) ||
	    !mean->dim[1])
		return fl_fail(e, FL_EDATA,
		               "a record without fl.client or a float tensor 'mean' of two "
		               "dimensions, as fl-stats classmean writes it");
	if (s->d && s->d != mean->dim[1])
		return fl_fail(e, FL_EDATA,
		               "client %" PRId64 ": centres of %zu values, others have %zu", client,
		               mean->dim[1], s->d);
	s->d = mean->dim[1];
	if ((at = fl_crowd_find(c, client)) == c->n)
		return 0;
	for (size_t i = 0; i < mean->dim[0]; i++) {
		double n = 1;

		if (count && count->n == mean->dim[0])
			fl_dtype_to_f64(count->dtype, (const unsigned char *)count->data +
			                i * fl_dtype_size(count->dtype), &n, 1);
		if (fl_grow(&s->v, &s->cap, (s->n + 1) * s->d, sizeof *s->v, e) ||
		    fl_grow(&s->owner, &s->ownercap, s->n + 1, sizeof *s->owner, e))
			return -1;
		if (n > 0 && !take_centre(mean, i, s->d, s->v + s->n * s->d))
			s->owner[s->n++] = at;
	}
	return 0;
}

/* Gives the crowd the centres, by client. */
static int deal_centres(struct fl_crowd *c, const struct fl_centres *s, struct fl_err *e)
{
	free(c->centre);
	free(c->first);
	c->centre = fl_alloc(s->n * s->d + 1, sizeof *c->centre, e);
	c->first = fl_alloc(c->n + 2, sizeof *c->first, e);
	if (!c->centre || !c->first)
		return -1;
	/* first[i+1] is where client i's next centre goes: in the end, where i+1's begin. */
	for (size_t i = 0; i < s->n; i++)
		c->first[s->owner[i] + 2]++;
	for (size_t i = 0; i <= c->n; i++)
		c->first[i + 1] += c->first[i];
	for (size_t i = 0; i < s->n; i++)
		memcpy(c->centre + c->first[s->owner[i] + 1]++ * s->d, s->v + i * s->d,
		       s->d * sizeof *s->v);
	c->d = s->d;
	c->centres = s->n;
	return 0;
}

static int join_centres(struct fl_crowd *c, const char *path, struct fl_err *e)
{
	struct fl_inputs in = { .path = &path, .n = 1, .expect = -1 };
	struct fl_tset rec = { .t = NULL };
	struct fl_centres s = { .v = NULL };
	int rc;

	while ((rc = fl_inputs_next(&in, &rec, e)) > 0)
		if (add_centres(&s, c, &rec, e)) {
			rc = fl_fail_in(e, "%s", path);
			break;
		}
	if (!rc)
		rc = deal_centres(c, &s, e);
	fl_tset_release(&rec);
	fl_inputs_release(&in);
	free(s.v);
	free(s.owner);
	return rc;
}

/* One field of the other crowd. */
static int join_field(struct fl_crowd *c, const struct fl_crowd *from,
                      const struct fl_crowd_field *f, struct fl_err *e)
{
	double *v = find_field(c, f->name);

	if (!v && !(v = add_field(c, f->name, e)))
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		size_t at = fl_crowd_find(from, c->id[i]);

		if (at < from->n && !isnan(f->v[at]))
			v[i] = f->v[at];
	}
	return 0;
}

static int join_counts(struct fl_crowd *c, const struct fl_crowd *from, struct fl_err *e)
{
	if (!from->count)
		return 0;
	free(c->count);
	c->labels = from->labels;
	if (!(c->count = fl_alloc(c->n * c->labels + 1, sizeof *c->count, e)))
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		size_t at = fl_crowd_find(from, c->id[i]);

		if (at < from->n)
			memcpy(c->count + i * c->labels, from->count + at * c->labels,
			       c->labels * sizeof *c->count);
	}
	return 0;
}

int fl_crowd_join(struct fl_crowd *c, const char *path, struct fl_err *e)
{
	struct fl_crowd from = { .id = NULL };
	int rc;

	if (is_record(path))
		return join_centres(c, path, e);
	rc = fl_crowd_read(&from, path, e);
	for (size_t k = 0; k < from.fields && !rc; k++)
		rc = join_field(c, &from, &from.field[k], e);
	if (!rc)
		rc = join_counts(c, &from, e);
	fl_crowd_release(&from);
	return rc;
}

void fl_crowd_release(struct fl_crowd *c)
{
	for (size_t k = 0; k < c->fields; k++)
		free(c->field[k].v);
	free(c->field);
	free(c->id);
	free(c->count);
	free(c->centre);
	free(c->first);
	fl_arena_release(&c->arena);
	*c = (struct fl_crowd){ .id = NULL };
}
