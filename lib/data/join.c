/* Several files as the parts of one set of examples: joined row by row, or by the number
 * that names an example in each, where an example may be missing in some. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "data/data.h"
#include "data/embed.h"
#include "data/names.h"
#include "data/npy.h"
#include "data/source.h"
#include "nn/parts.h"

enum by { ROW, ID };
enum keep { EVERY, COMMON };

struct params {
	const char *names, *files;
	int by, keep;
};

static const char *const by_name[] = { "row", "id", NULL };
static const char *const keep_name[] = { "every", "common", NULL };

/* A file: data, or rows of embeddings. */
struct side {
	const char *name, *file;
	struct fl_data data;
	struct fl_embeds rows;
	size_t N;
	int has_y, has_id;
};

struct join {
	const struct params *p;
	struct side *side;		/* (M) in the order of parts */
	size_t M, N;
	uint32_t *row;			/* (N,M) */
	int64_t *id;			/* (N), or NULL */
	struct fl_arena arena;
};

/* --- opening --- */

/* Whether a file that is there, and no other source, holds rows of embeddings. */
static int is_rows(const char *file)
{
	struct fl_tset rec = { .t = NULL };
	struct fl_stream *s;
	int rc = 1;

	if (strchr(file, '#'))
		return 1;
	if (access(file, F_OK) || fl_is_npz(file))
		return 0;
	if ((s = fl_stream_open(file, NULL)) && fl_stream_next(s, &rec, NULL) > 0)
		rc = fl_tset_find(&rec, "emb") != NULL;
	fl_tset_release(&rec);
	fl_stream_close(s);
	return rc;
}

static int open_data(struct side *s, struct fl_err *e)
{
	struct fl_data *d = &s->data;

	if (fl_data_open(d, s->file, &(struct fl_data_how){ .scale = NULL }, e))
		return -1;
	if (d->M)
		return fl_fail(e, FL_EDATA, "%s: is of several parts itself", s->file);
	if ((d->standard || d->filled) && !d->settled)
		return fl_fail(e, FL_EDATA, "%s: %s is of training examples, which are not known before they are "
		               "split", s->file, d->standard ? "scale=standard" : "missing=mean");
	s->N = d->N;
	s->has_y = d->labels != NULL;
	s->has_id = fl_tset_find(&d->rec, "id") != NULL;
	return 0;
}

static int open_rows(struct side *s, struct fl_err *e)
{
	if (fl_embeds_open(&s->rows, &s->file, 1, e) || fl_embeds_check(&s->rows, 0, NULL, e))
		return -1;
	s->N = s->rows.N;
	s->has_y = s->rows.has_label;
	s->has_id = s->rows.byid != NULL;
	return 0;
}

static int by_order(const void *a, const void *b)
{
	const struct side *s = a, *t = b;

	return fl_part_order(s->name, t->name);
}

static int list_sides(struct join *j, size_t *n, struct fl_err *e)
{
	struct fl_strs names, files;

	if (!j->p->names || !j->p->files)
		return fl_fail(e, FL_EUSAGE, "names and files must be given");
	if (fl_spec_words(j->p->names, &j->arena, &names, e) ||
	    fl_spec_words(j->p->files, &j->arena, &files, e))
		return -1;
	if (names.n != files.n || !names.n || names.n > FL_PARTS_MAX)
		return fl_fail(e, FL_EUSAGE, "%zu names for %zu files; want one each, at most %d", names.n, files.n,
		               FL_PARTS_MAX);
	if (!(j->side = fl_arena_zero(&j->arena, names.n, sizeof *j->side, e)))
		return -1;
	for (size_t m = 0; m < names.n; m++) {
		if (!fl_part_is_name(names.v[m]))
			return fl_fail(e, FL_EUSAGE, "names: '%.80s' is not 1 to %d letters, digits, '_', '-' and '.'",
			               names.v[m], FL_PART_NAME);
		j->side[m].name = names.v[m];
		j->side[m].file = files.v[m];
	}
	qsort(j->side, names.n, sizeof *j->side, by_order);
	for (size_t m = 1; m < names.n; m++)
		if (!strcmp(j->side[m].name, j->side[m - 1].name))
			return fl_fail(e, FL_EUSAGE, "names: '%s' is there twice", j->side[m].name);
	*n = names.n;
	return 0;
}

static int open_sides(struct join *j, struct fl_err *e)
{
	size_t n = 0;

	if (list_sides(j, &n, e))
		return -1;
	while (j->M < n) {
		struct side *s = &j->side[j->M++];

		if (is_rows(s->file) ? open_rows(s, e) : open_data(s, e))
			return fl_fail_in(e, "part %s", s->name);
	}
	return 0;
}

/* --- which rows go together --- */

static int64_t id_of(const struct side *s, size_t i)
{
	return s->rows.N ? fl_embeds_id(&s->rows, i) : fl_data_integer(fl_tset_find(&s->data.rec, "id"), i);
}

/* Row by row: ids that are there must say the same. */
static int join_rows(struct join *j, struct fl_err *e)
{
	const struct side *with = NULL;

	j->N = j->side[0].N;
	for (size_t m = 0; m < j->M; m++) {
		const struct side *s = &j->side[m];

		if (s->N != j->N)
			return fl_fail(e, FL_EDATA, "%s has %zu rows, %s has %zu: by=id joins rows by their ids",
			               j->side[0].file, j->N, s->file, s->N);
		for (size_t i = 0; with && s->has_id && i < j->N; i++)
			if (id_of(s, i) != id_of(with, i))
				return fl_fail(e, FL_EDATA, "row %zu is id %" PRId64 " in %s and id %" PRId64 " in %s: by=id "
				               "joins rows by their ids", i, id_of(with, i), with->file, id_of(s, i), s->file);
		with = s->has_id && !with ? s : with;
	}
	if (!(j->row = fl_arena_get(&j->arena, j->N * j->M, sizeof *j->row, e)) ||
	    !(j->id = fl_arena_get(&j->arena, j->N, sizeof *j->id, e)))
		return -1;
	for (size_t i = 0; i < j->N; i++) {
		j->id[i] = with ? id_of(with, i) : (int64_t)i;
		for (size_t m = 0; m < j->M; m++)
			j->row[i * j->M + m] = (uint32_t)i;
	}
	return 0;
}

struct key {
	int64_t id;
	uint32_t m, row;
};

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->m != y->m ? x->m < y->m ? -1 : 1 : (x->row > y->row) - (x->row < y->row);
}

/* All files' rows by id. */
static int list_keys(const struct join *j, struct key *k, size_t n, struct fl_err *e)
{
	size_t at = 0;

	for (size_t m = 0; m < j->M; m++)
		for (size_t i = 0; i < j->side[m].N; i++)
			k[at++] = (struct key){ id_of(&j->side[m], i), (uint32_t)m, (uint32_t)i };
	qsort(k, n, sizeof *k, by_key);
	for (size_t i = 1; i < n; i++)
		if (k[i].id == k[i - 1].id && k[i].m == k[i - 1].m)
			return fl_fail(e, FL_EDATA, "%s: rows %" PRIu32 " and %" PRIu32 " both have id %" PRId64,
			               j->side[k[i].m].file, k[i - 1].row, k[i].row, k[i].id);
	return 0;
}

/* Examples of the n keys, of which those of one id are one. */
static int join_keys(struct join *j, const struct key *k, size_t n, struct fl_err *e)
{
	for (size_t i = 0, end; i < n; i = end) {
		uint32_t *row = j->row + j->N * j->M;

		for (size_t m = 0; m < j->M; m++)
			row[m] = FL_DATA_LACKS;
		for (end = i; end < n && k[end].id == k[i].id; end++)
			row[k[end].m] = k[end].row;
		j->id[j->N] = k[i].id;
		j->N += j->p->keep == EVERY || end - i == j->M;
	}
	return j->N ? 0 : fl_fail(e, FL_EDATA, "no id is in all %zu files", j->M);
}

static int join_ids(struct join *j, struct fl_err *e)
{
	size_t n = 0, cells;
	struct key *k;

	for (size_t m = 0; m < j->M; m++) {
		if (!j->side[m].has_id)
			return fl_fail(e, FL_EDATA, "%s: by=id, but there is no tensor 'id' beside its rows",
			               j->side[m].file);
		n += j->side[m].N;
	}
	if (fl_mul(n, j->M, &cells))
		return fl_fail_mem(e, SIZE_MAX);
	return (j->row = fl_arena_get(&j->arena, cells + j->M, sizeof *j->row, e)) &&
	       (j->id = fl_arena_get(&j->arena, n, sizeof *j->id, e)) &&
	       (k = fl_arena_get(&j->arena, n, sizeof *k, e)) && !list_keys(j, k, n, e) ?
	       join_keys(j, k, n, e) : -1;
}

/* --- the record --- */

static int add_values(const struct side *s, struct fl_tset *rec, struct fl_err *e)
{
	size_t dim[FL_ST_NDIM_MAX] = { s->rows.N, s->rows.d }, d = s->rows.N ? s->rows.d : s->data.d;
	unsigned ndim = 2;
	struct fl_tensor *t;
	char name[2 + FL_PART_NAME + 1];

	snprintf(name, sizeof name, "x.%s", s->name);
	if (!s->rows.N) {
		ndim = s->data.x->ndim < 2 ? 2 : s->data.x->ndim;
		dim[1] = 1;
		memcpy(dim, s->data.x->dim, s->data.x->ndim * sizeof *dim);
		dim[0] = s->N;
	}
	if (s->N > FL_DATA_VALUES_MAX / d)
		return fl_fail(e, FL_EDATA, "%s: %zu rows of %zu values are too many", s->file, s->N, d);
	if (!(t = fl_tset_add(rec, name, FL_F32, ndim, dim, NULL, e)))
		return -1;
	if (s->rows.N)
		fl_embeds_rows(&s->rows, 0, s->N, t->data);
	else
		fl_data_batch(&s->data, NULL, 0, s->N, t->data, NULL);
	return 0;
}

static int64_t label_of(const struct side *s, uint32_t row)
{
	if (row == FL_DATA_LACKS || !s->has_y)
		return -1;
	return s->rows.N ? fl_embeds_label(&s->rows, row) : s->data.y[row];
}

/* The label that the files have of example i, who must agree. */
static int find_label(const struct join *j, size_t i, int64_t *y, struct fl_err *e)
{
	const struct side *who = NULL;

	*y = -1;
	for (size_t m = 0; m < j->M; m++) {
		const struct side *s = &j->side[m];
		int64_t v = label_of(s, j->row[i * j->M + m]);

		if (v >= 0 && who && v != *y)
			return fl_fail(e, FL_EDATA, "id %" PRId64 " is class %" PRId64 " in %s and class %" PRId64 " in %s",
			               j->id[i], *y, who->file, v, s->file);
		if (v >= 0) {
			*y = v;
			who = s;
		}
	}
	return 0;
}

/* Names and number of classes, of which files must mean the same. */
static int set_classes(const struct join *j, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_accord names = { 0 };
	size_t C = 0;
	int rc = 0;

	for (size_t m = 0; m < j->M && !rc; m++) {
		const struct fl_data *d = &j->side[m].data;

		if (!d->labels)
			continue;
		C = d->C > C ? d->C : C;
		rc = fl_accord_add(&names, &d->rec, j->side[m].file, e);
	}
	C = names.C > C ? names.C : C;
	if (!rc)
		rc = fl_accord_set(&names, rec, e) ||
		     (C && fl_meta_set_i64(rec, "fl.classes", (int64_t)C, e)) ? -1 : 0;
	fl_accord_release(&names);
	return rc;
}

static int add_labels(const struct join *j, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_tensor *t;
	int any = 0;

	for (size_t m = 0; m < j->M; m++)
		any |= j->side[m].has_y;
	if (!any)
		return 0;
	if (!(t = fl_tset_add(rec, "y", FL_I64, 1, &j->N, NULL, e)))
		return -1;
	for (size_t i = 0; i < j->N; i++)
		if (find_label(j, i, &((int64_t *)t->data)[i], e))
			return -1;
	return set_classes(j, rec, e);
}

static int make_record(const struct join *j, struct fl_tset *rec, struct fl_err *e)
{
	size_t dim[2] = { j->N, j->M };
	struct fl_tensor *t;

	for (size_t m = 0; m < j->M; m++)
		if (add_values(&j->side[m], rec, e))
			return -1;
	if (!(t = fl_tset_add(rec, "part", FL_I64, 2, dim, NULL, e)))
		return -1;
	for (size_t i = 0; i < j->N * j->M; i++)
		((int64_t *)t->data)[i] = j->row[i] == FL_DATA_LACKS ? -1 : (int64_t)j->row[i];
	if (!(t = fl_tset_add(rec, "id", FL_I64, 1, &j->N, NULL, e)))
		return -1;
	memcpy(t->data, j->id, t->bytes);
	return add_labels(j, rec, e) || fl_meta_set_kind(rec, FL_KIND_DATA, e) ? -1 : 0;
}

static int read_join(const void *p, struct fl_tset *rec, struct fl_err *e)
{
	struct join j = { .p = p };
	int rc = open_sides(&j, e) || (j.p->by == ID ? join_ids(&j, e) : join_rows(&j, e)) ||
	         make_record(&j, rec, e) ? -1 : 0;

	for (size_t m = 0; m < j.M; m++) {
		fl_data_release(&j.side[m].data);
		fl_embeds_release(&j.side[m].rows);
	}
	fl_arena_release(&j.arena);
	return rc;
}

static const struct fl_param params[] = {
	{ "names", FL_P_RAW, offsetof(struct params, names), NULL, 0, 0, NULL, "a+b",
	  "what the parts are called; must be given" },
	{ "files", FL_P_RAW, offsetof(struct params, files), NULL, 0, 0, NULL, "a+b",
	  "where each is: embeddings, or any other source; must be given" },
	{ "by", FL_P_ENUM, offsetof(struct params, by), "row", 0, 0, by_name, "key",
	  "what makes an example of rows: their place, or the ids beside them" },
	{ "keep", FL_P_ENUM, offsetof(struct params, keep), "every", 0, 0, keep_name, "which",
	  "by=id: every id, which may lack parts, or those common to all files" },
	{ .name = NULL }
};

const struct fl_source fl_data_join = {
	.e = {
		.name = "join",
		.title = "Parts from several files",
		.cite = "formats: fl-stream(5), numpy, fvecs, fbin",
		.doc = "examples of several parts, each from a file of its own",
		.params = params,
		.psize = sizeof(struct params),
		.note = "A file's own commas, colons, plus and equals signs are percent-encoded, as in "
		        "files=csv%3Afile%3Da.csv%2Clabel%3Dy+b.npy.",
		.formula = "x.NAME of each file, part (N,M), y and id where a file has them",
	},
	.read = read_join,
};
