/* A labelled data set from a record, and records from a data set. */
#include "data/data.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/crc.h"
#include "base/num.h"
#include "data/column.h"
#include "data/source.h"
#include "kernel/vmath.h"
#include "nn/net.h"
#include "tensor/st.h"

static int is_integer(const struct fl_tensor *t)
{
	return fl_dtype_is_integer(t->dtype);
}

/* Metadata of the record, or of the one whose rows it means. */
static const char *meta(const struct fl_data *d, const char *key)
{
	const char *v = fl_meta_get(&d->rec, key);

	return v ? v : fl_meta_get(&d->source, key);
}

static size_t row_of(const struct fl_data *d, size_t i)
{
	return d->row ? d->row[i] : d->first + i;
}

static int check_kind(const struct fl_data *d, struct fl_err *e)
{
	enum fl_kind k;

	if (fl_meta_kind(&d->rec, &k, e))
		return -1;
	if (k != FL_KIND_DATA && k != FL_KIND_NONE)
		return fl_fail(e, FL_EDATA, "holds kind '%s', want kind 'data'", fl_kind_name(k));
	return 0;
}

static int need(const struct fl_tset *s, const char *name, const struct fl_tensor **t,
                struct fl_err *e)
{
	*t = fl_tset_find(s, name);
	return *t ? 0 : fl_fail(e, FL_EDATA, "tensor '%s' is missing", name);
}

/* Labels may be absent from records of kind data, whose examples then have none. */
static int check_label_shape(struct fl_data *d, const struct fl_tset *s, struct fl_err *e)
{
	char xs[256], ys[256];
	enum fl_kind kind;

	if (fl_meta_kind(s, &kind, e))
		return -1;
	if (!(d->labels = fl_tset_find(s, "y")) && kind == FL_KIND_DATA)
		return 0;
	if (need(s, "y", &d->labels, e))
		return -1;
	fl_tensor_shape_str(d->x, xs, sizeof xs);
	fl_tensor_shape_str(d->labels, ys, sizeof ys);
	if (!is_integer(d->labels))
		return fl_fail(e, FL_EDATA, "tensor 'y' is %s, must be an integer type",
		               fl_dtype_name(d->labels->dtype));
	if (!d->x->ndim || d->labels->ndim != 1 || d->labels->n != d->x->dim[0])
		return fl_fail(e, FL_EDATA, "tensor 'x' is %s and 'y' is %s: "
		               "want the same number of rows and one label a row", xs, ys);
	return 0;
}

static int check_shapes(struct fl_data *d, const struct fl_tset *s, struct fl_err *e)
{
	char xs[256];

	if (need(s, "x", &d->x, e) || check_label_shape(d, s, e))
		return -1;
	fl_tensor_shape_str(d->x, xs, sizeof xs);
	if (!d->x->ndim || !d->x->n || d->x->dim[0] >= UINT32_MAX)
		return fl_fail(e, FL_EDATA, "tensor 'x' is %s: %s", xs,
		               !d->x->ndim ? "want rows, one an example" :
		               d->x->n ? "too many examples" : "holds no example");
	d->N = d->x->dim[0];
	d->d = d->x->n / d->N;
	d->x = fl_column_inputs(d->x, &d->arena, e);
	return d->x ? 0 : -1;
}

/* Floats for the loss, one row an example as x has them. */
static int take_target(struct fl_data *d, const struct fl_tset *s, struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(s, "target");
	size_t bad, rows = d->x ? d->x->dim[0] : d->N;

	if (!t)
		return 0;
	if (!fl_dtype_is_float(t->dtype) || t->ndim != 2 || !t->n || t->dim[0] != rows)
		return fl_fail(e, FL_EDATA, "tensor 'target' must hold %zu rows of floats", rows);
	if ((bad = fl_dtype_nonfinite(t->dtype, t->data, t->n)) < t->n)
		return fl_fail(e, FL_EDATA, "tensor 'target' row %zu is not finite", bad / t->dim[1]);
	d->target = t;
	return 0;
}

/* Index form: the rows of x that are meant. */
static int take_index(struct fl_data *d, const struct fl_tensor *t, struct fl_err *e)
{
	const int64_t *v = t->data;
	uint32_t *row;

	if (t->dtype != FL_I64 || t->ndim != 1 || !t->n || t->n >= UINT32_MAX)
		return fl_fail(e, FL_EDATA, "tensor 'index' must be I64 in one dimension, not empty");
	if (!(row = fl_arena_get(&d->arena, t->n, sizeof *row, e)))
		return -1;
	for (size_t i = 0; i < t->n; i++) {
		if (v[i] < 0 || (uint64_t)v[i] >= d->N)
			return fl_fail(e, FL_EDATA, "index[%zu] is %" PRId64 ", the source has %zu rows",
			               i, v[i], d->N);
		row[i] = (uint32_t)v[i];
	}
	d->row = row;
	d->N = t->n;
	return 0;
}

/* Tensors beside x and y that hold one integer an example. */
static int check_column(const struct fl_data *d, const char *name, struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(&d->rec, name);

	if (t && (!is_integer(t) || t->ndim != 1 || t->n != d->N))
		return fl_fail(e, FL_EDATA, "tensor '%s' must hold %zu integers in one dimension", name,
		               d->N);
	return 0;
}

/* fl.classes of the record, or of the source it points to; 0: not said. */
static int take_classes(struct fl_data *d, struct fl_err *e)
{
	int64_t c = 0;
	int rc = fl_meta_i64(&d->rec, "fl.classes", &c, e);

	if (!rc)
		rc = fl_meta_i64(&d->source, "fl.classes", &c, e);
	if (rc < 0)
		return -1;
	if (rc && (c < 1 || c > FL_CLASSES_MAX))
		return fl_fail(e, FL_EDATA, "fl.classes is %" PRId64 ", outside [1,%d]", c, FL_CLASSES_MAX);
	d->C = (size_t)c;
	return 0;
}

static int take_labels(struct fl_data *d, struct fl_err *e)
{
	const unsigned char *p;
	size_t size, largest = 0;
	double limit, v;

	if (take_classes(d, e) || !(d->y = fl_arena_zero(&d->arena, d->N, sizeof *d->y, e)))
		return -1;
	if (!d->labels) {
		d->C = d->C && !d->M ? d->C : 1;
		d->unlabelled = d->M ? 0 : d->N;
		for (size_t i = 0; i < d->unlabelled; i++)
			d->y[i] = -1;
		return 0;
	}
	p = d->labels->data;
	size = fl_dtype_size(d->labels->dtype);
	limit = d->C ? (double)d->C : FL_CLASSES_MAX;
	for (size_t i = 0; i < d->N; i++) {
		fl_dtype_to_f64(d->labels->dtype, p + row_of(d, i) * size, &v, 1);
		if (v < -1 || v >= limit)
			return fl_fail(e, FL_EDATA, "row %zu: label %.0f is outside [0,%.0f), and is not -1, "
			               "unlabelled", row_of(d, i), v, limit);
		d->y[i] = (int32_t)v;
		d->unlabelled += v < 0;
		if (v > (double)largest)
			largest = (size_t)v;
	}
	if (!d->C)
		d->C = largest + 1;
	return 0;
}

/* A value that can be an input, if only by what stands for it. */
static int is_value(const struct fl_data *d, float v)
{
	return isfinite(v) || ((d->fill || d->filled) && isnan(v));
}

static int check_finite(const struct fl_data *d, struct fl_err *e)
{
	const float *x = d->x->data;
	float max;

	if (d->x->dtype != FL_F32)
		return 0;
	for (size_t i = 0; i < d->N; i++) {
		const float *v = x + row_of(d, i) * d->d;
		size_t j = 0;

		if (fl_vfinite(v, d->d, &max))
			continue;
		while (j < d->d && is_value(d, v[j]))
			j++;
		if (j == d->d)
			continue;
		return fl_fail(e, FL_EDATA, "row %zu: tensor 'x' value %zu is %f", row_of(d, i), j,
		               (double)v[j]);
	}
	return 0;
}

static int take_fill(struct fl_data *d, struct fl_err *e)
{
	const char *text = meta(d, "fl.fill");
	float *fill;

	d->fill = NULL;
	if (!text || d->x->dtype != FL_F32)
		return 0;
	if (!strcmp(text, FL_FILL_MEAN)) {
		d->filled = 1;
		return 0;
	}
	if (fl_fill_parse(&fill, d->d, text, &d->arena, e))
		return -1;
	d->fill = fill;
	return 0;
}

static int take_scale(struct fl_data *d, struct fl_err *e)
{
	const char *text = meta(d, "fl.scale");
	struct fl_scale s;

	if (text && !strcmp(text, FL_SCALE_STANDARD)) {
		if (d->x->ndim != 2)
			return fl_fail(e, FL_EDATA, "fl.scale: standard is of the columns of a table, but 'x' has "
			               "%u dimensions", d->x->ndim);
		d->standard = 1;
		text = NULL;
	}
	if (fl_scale_parse(&s, text, &d->arena, e))
		return fl_fail_in(e, "fl.scale");
	if (s.n > 1 && (d->x->ndim < 2 || d->x->dim[1] != s.n))
		return fl_fail(e, FL_EDATA, "fl.scale: %zu channels, but 'x' has %zu", s.n,
		               d->x->ndim < 2 ? 1 : d->x->dim[1]);
	d->scaled = meta(d, "fl.scale") != NULL;
	d->div = s.div;
	d->channels = s.n;
	d->mean = s.mean;
	d->std = s.std;
	if (d->x->dtype != FL_U8)
		return 0;
	if (!(d->lut = fl_arena_get(&d->arena, s.n, sizeof *d->lut, e)))
		return -1;
	for (size_t c = 0; c < s.n; c++)
		for (int v = 0; v < 256; v++)
			d->lut[c][v] = ((float)v / (float)s.div - s.mean[c]) / s.std[c];
	return 0;
}

static int take_examples(struct fl_data *d, const char *dir, struct fl_err *e)
{
	const struct fl_tensor *index = fl_tset_find(&d->rec, "index");
	int far = index && !fl_tset_find(&d->rec, "x");
	const struct fl_tset *s = far ? &d->source : &d->rec;

	if ((far && fl_data_follow(d, dir, e)) || check_shapes(d, s, e) || take_target(d, s, e) ||
	    (far && take_index(d, index, e)))
		return -1;
	return take_fill(d, e) || check_finite(d, e) || take_scale(d, e) ? -1 : 0;
}

int fl_data_rescale(struct fl_data *d, struct fl_err *e)
{
	return take_fill(d, e) || take_scale(d, e) ? -1 : 0;
}

static int take_groups(struct fl_data *d, struct fl_err *e)
{
	const char *text = fl_tset_find(&d->rec, "group") ? meta(d, "fl.groups") : NULL;

	return text ? fl_groupname_parse(text, &d->arena, &d->called, &d->ncalled, e) : 0;
}

static int take(struct fl_data *d, const char *dir, struct fl_err *e)
{
	int parts = !fl_tset_find(&d->rec, "x") &&
	            (fl_tset_find(&d->rec, "part") || fl_tset_find(&d->rec, "pairs"));

	if (check_kind(d, e) || fl_meta_i64(&d->rec, "fl.client", &d->client, e) < 0 ||
	    (parts ? fl_data_take_parts(d, e) || take_target(d, &d->rec, e) : take_examples(d, dir, e)))
		return -1;
	return check_column(d, "id", e) || check_column(d, "group", e) || take_groups(d, e) ||
	       take_labels(d, e) ? -1 : 0;
}

int fl_data_take(struct fl_data *d, struct fl_tset *rec, const char *dir, const char *name,
                 struct fl_err *e)
{
	*d = (struct fl_data){ .rec = *rec, .client = -1 };
	*rec = (struct fl_tset){ .t = NULL };
	if ((d->name = fl_arena_str(&d->arena, name, e)) && !take(d, dir, e))
		return 0;
	if (d->client >= 0)
		fl_fail_in(e, "%s: client %" PRId64, name, d->client);
	else
		fl_fail_in(e, "%s", name);
	fl_data_release(d);
	return -1;
}

void fl_data_release(struct fl_data *d)
{
	fl_tset_release(&d->rec);
	fl_tset_release(&d->source);
	fl_stream_close(d->keep);
	fl_stream_close(d->keep_source);
	fl_arena_release(&d->arena);
	*d = (struct fl_data){ .client = -1 };
}

const char *fl_data_labels(const struct fl_data *d)
{
	return meta(d, "fl.labels");
}

const char *fl_data_name(const struct fl_data *d)
{
	return meta(d, "fl.name");
}

const char *fl_data_split(const struct fl_data *d)
{
	return meta(d, "split");
}

void fl_data_hash(const struct fl_tset *rec, char text[FL_HASH_TEXT])
{
	struct fl_hash h;

	fl_hash_begin(&h);
	for (size_t i = 0; i < rec->nt; i++)
		fl_hash_add(&h, rec->t[i].data, rec->t[i].bytes);
	fl_hash_end(&h, text);
}

void fl_data_crc(const struct fl_tset *rec, char text[FL_BASE_CRC])
{
	uint32_t crc = 0;

	for (size_t i = 0; i < rec->nt; i++)
		crc = fl_crc32(crc, rec->t[i].data, rec->t[i].bytes);
	snprintf(text, FL_BASE_CRC, "%08" PRIx32, crc);
}

/* dim(n) without those of 1, into out. */
static size_t squeeze(const size_t *dim, size_t n, size_t *out)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		if (dim[i] != 1)
			out[m++] = dim[i];
	return m;
}

/* Examples of as many dimensions as the net's input are taken as they lie only where all
 * are equal: the same values in another order are another picture. */
static int same_layout(const struct fl_data *d, const struct fl_shape *in)
{
	size_t a[FL_ST_NDIM_MAX], b[FL_SHAPE_MAX], n, m;

	if (d->M)
		return 1;
	n = d->x->ndim - 1;
	m = in->ndim;
	if (n == m)
		return !memcmp(d->x->dim + 1, in->d, n * sizeof *in->d);
	n = squeeze(d->x->dim + 1, n, a);
	m = squeeze(in->d, m, b);
	return n != m || !memcmp(a, b, n * sizeof *a);
}

/* Would the examples be the net's inputs with their last dimension before the others? */
static int channels_last(const struct fl_data *d, const struct fl_shape *in)
{
	const size_t *dim = d->x->dim + 1;
	size_t n = d->x->ndim - 1;

	return n > 1 && n == in->ndim && dim[n - 1] == in->d[0] &&
	       !memcmp(dim, in->d + 1, (n - 1) * sizeof *dim);
}

static int wrong_inputs(const struct fl_data *d, const struct fl_shape *in, struct fl_err *e)
{
	char have[256], want[256];
	struct fl_tensor one;

	fl_shape_str(in, want, sizeof want);
	if (fl_data_is_pairs(d))
		return fl_fail(e, FL_EDATA, "%s: pairs are a text of %zu and an image of %zu values, "
		               "the model takes %s in all", d->name, d->part[0].d, d->part[1].d, want);
	if (d->M)
		return fl_fail(e, FL_EDATA, "%s: examples are %zu parts of %zu values in all, the model takes %s",
		               d->name, d->M, d->d, want);
	one = *d->x;
	one.ndim--;
	one.dim++;
	fl_tensor_shape_str(&one, have, sizeof have);
	if (channels_last(d, in))
		return fl_fail(e, FL_EDATA, "%s: examples are %s, the model takes %s: channels are last: "
		               "fl-partition --channels-last makes them the first, as "
		               "numpy.moveaxis(x, -1, 1) does", d->name, have, want);
	if (in->ndim > 1)
		snprintf(want + strlen(want), sizeof want - strlen(want), " (%zu)", fl_shape_count(in));
	return fl_fail(e, FL_EDATA, "%s: examples are %s (%zu values), the model takes %s", d->name,
	               have, d->d, want);
}

int fl_data_fits(const struct fl_data *d, const struct fl_net *net, size_t classes,
                 size_t targets, struct fl_err *e)
{
	if ((d->standard || d->filled) && !d->settled)
		return fl_fail(e, FL_EDATA, "%s: %s of which training examples? fl-partition says it, and "
		               "--scale-from takes it from a record that it wrote", d->name,
		               d->standard ? "scale=standard" : "missing=mean");
	if (fl_data_fits_parts(d, net, e))
		return -1;
	if (d->d != fl_shape_count(&net->in) || (!net->npart && !same_layout(d, &net->in)))
		return wrong_inputs(d, &net->in, e);
	if (d->C > classes)
		return fl_fail(e, FL_EDATA, "%s: %zu classes, the model tells %zu apart", d->name, d->C,
		               classes);
	if (targets && !d->target)
		return fl_fail(e, FL_EDATA, "%s: tensor 'target' is missing; the model's loss wants %zu "
		               "numbers an example", d->name, targets);
	if (targets && d->target->dim[1] != targets)
		return fl_fail(e, FL_EDATA, "%s: tensor 'target' has %zu numbers an example, the model's "
		               "loss wants %zu", d->name, d->target->dim[1], targets);
	fl_data_warn_raw(d, net);
	return 0;
}

int fl_data_labelled(const struct fl_data *d, struct fl_err *e)
{
	size_t i = 0;

	if (!d->unlabelled)
		return 0;
	while (d->y[i] >= 0)
		i++;
	return fl_fail(e, FL_EDATA, "%s: row %zu is not labelled (y is -1); of %zu rows %zu are not, and "
	               "a label is wanted here", d->name, row_of(d, i), d->N, d->unlabelled);
}

void fl_data_targets(const struct fl_data *d, const uint32_t *idx, size_t i0, size_t n,
                     float *out)
{
	size_t T = d->target->dim[1], size = T * fl_dtype_size(d->target->dtype);
	const unsigned char *p = d->target->data;

	for (size_t i = 0; i < n; i++)
		fl_dtype_to_f32(d->target->dtype, p + row_of(d, idx ? idx[i] : i0 + i) * size,
		                out + i * T, T);
}

/* --- records from a data set --- */

/* All but names of groups, which many records need not carry. */
static int copy_meta(struct fl_tset *out, const struct fl_tset *s, struct fl_err *e)
{
	for (size_t i = 0; i < s->nkv; i++)
		if (strcmp(s->kv[i].key, "fl.groups") && fl_meta_set(out, s->kv[i].key, s->kv[i].val, e))
			return -1;
	return 0;
}

static int describe(const struct fl_data *d, int64_t client, struct fl_tset *out,
                    struct fl_err *e)
{
	if (copy_meta(out, &d->source, e) || copy_meta(out, &d->rec, e) ||
	    fl_meta_set(out, "fl.source", NULL, e) || fl_meta_set(out, "fl.source_crc", NULL, e) ||
	    fl_meta_set(out, "fl.source_hash", NULL, e) ||
	    fl_meta_set_kind(out, FL_KIND_DATA, e) ||
	    fl_meta_set_i64(out, "fl.classes", (int64_t)d->C, e))
		return -1;
	return fl_meta_set_i64(out, "fl.client", client, e);
}

/* Rows of t, a row being all but the first dimension; rows: of x, not examples. */
static int gather(const struct fl_data *d, const struct fl_tensor *t, int rows,
                  const uint32_t *idx, size_t n, struct fl_tset *out, struct fl_err *e)
{
	size_t dim[FL_ST_NDIM_MAX], size = t->bytes / t->dim[0], bytes;
	const unsigned char *from = t->data;
	unsigned char *to;

	memcpy(dim, t->dim, t->ndim * sizeof *dim);
	dim[0] = n;
	if (fl_mul(n, size, &bytes))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(to = fl_arena_get(&out->arena, bytes, 1, e)) ||
	    !fl_tset_add(out, t->name, t->dtype, t->ndim, dim, to, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		memcpy(to + i * size, from + (rows ? row_of(d, idx[i]) : idx[i]) * size, size);
	return 0;
}

/* Tensor name: the rows of x of examples idx(n). */
static int add_rows(const struct fl_data *d, const char *name, const uint32_t *idx, size_t n,
                    struct fl_tset *out, struct fl_err *e)
{
	struct fl_tensor *t = fl_tset_add(out, name, FL_I64, 1, &n, NULL, e);
	int64_t *v;

	if (!t)
		return -1;
	v = t->data;
	for (size_t i = 0; i < n; i++)
		v[i] = (int64_t)row_of(d, idx[i]);
	return 0;
}

const char *fl_data_called(const struct fl_data *d, int64_t group)
{
	return fl_groupname_find(d->called, d->ncalled, group);
}

int64_t fl_data_integer(const struct fl_tensor *t, size_t i)
{
	size_t size = fl_dtype_size(t->dtype);
	const unsigned char *p = (const unsigned char *)t->data + i * size;
	int64_t v;
	double x;

	if (size == sizeof v) {
		memcpy(&v, p, size);
		return v;
	}
	fl_dtype_to_f64(t->dtype, p, &x, 1);
	return (int64_t)x;
}

/* fl.groups of out: the names of the groups t(n) of its examples. */
static int name_groups(const struct fl_data *d, const struct fl_tensor *t, struct fl_tset *out,
                       struct fl_err *e)
{
	struct fl_groupname *v = fl_arena_get(&out->arena, t->n, sizeof *v, e);
	size_t n = 0;

	if (!v)
		return -1;
	for (size_t i = 0; i < t->n; i++) {
		v[n].id = fl_data_integer(t, i);
		if ((!n || v[n].id != v[n - 1].id) && (v[n].name = fl_data_called(d, v[n].id)))
			n++;
	}
	return fl_groupname_set(v, fl_groupname_sort(v, n), out, e);
}

static int gather_group(const struct fl_data *d, const uint32_t *idx, size_t n,
                        struct fl_tset *out, struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(&d->rec, "group");

	if (!t)
		return 0;
	if (gather(d, t, 0, idx, n, out, e))
		return -1;
	return d->ncalled ? name_groups(d, fl_tset_find(out, "group"), out, e) : 0;
}

int fl_data_group(const struct fl_data *d, struct fl_arena *a, int64_t **group, struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(&d->rec, "group");

	*group = NULL;
	if (!t && !fl_data_is_pairs(d) && !(t = fl_tset_find(&d->rec, "id")))
		return 0;
	if (!(*group = fl_arena_get(a, d->N, sizeof **group, e)))
		return -1;
	for (size_t i = 0; i < d->N; i++)
		(*group)[i] = t ? fl_data_integer(t, i) : fl_data_part_group(d, i);
	return 0;
}

/* All of the record but x; of parts, all. */
static int all_but_x(const struct fl_data *d, const uint32_t *idx, size_t n, int64_t client,
                     struct fl_tset *out, struct fl_err *e)
{
	const struct fl_tensor *id = fl_tset_find(&d->rec, "id");

	if (describe(d, client, out, e) || (d->labels && gather(d, d->labels, 1, idx, n, out, e)) ||
	    (d->target && gather(d, d->target, 1, idx, n, out, e)) ||
	    gather_group(d, idx, n, out, e) || (d->M && fl_data_part_subset(d, idx, n, out, e)))
		return -1;
	return id ? gather(d, id, 0, idx, n, out, e) : add_rows(d, "id", idx, n, out, e);
}

int fl_data_subset(const struct fl_data *d, const uint32_t *idx, size_t n, int64_t client,
                   struct fl_tset *out, struct fl_err *e)
{
	return all_but_x(d, idx, n, client, out, e) ||
	       (d->x && gather(d, d->x, 1, idx, n, out, e)) ? -1 : 0;
}

int fl_data_frame(const struct fl_data *d, const uint32_t *idx, size_t n, int64_t client,
                  struct fl_tset *out, struct fl_err *e)
{
	size_t dim[FL_ST_NDIM_MAX];

	if (all_but_x(d, idx, n, client, out, e))
		return -1;
	if (!d->x)
		return 0;
	memcpy(dim, d->x->dim, d->x->ndim * sizeof *dim);
	dim[0] = n;
	return fl_tset_add_bare(out, d->x->name, d->x->dtype, d->x->ndim, dim, e) ? 0 : -1;
}

int fl_data_write(const struct fl_data *d, const uint32_t *idx, size_t n, struct fl_tset *rec,
                  struct fl_out *o, struct fl_err *e)
{
	size_t row = d->x ? d->d * fl_dtype_size(d->x->dtype) : 0;
	const unsigned char *x = d->x ? d->x->data : NULL;
	struct fl_str header = FL_STR_INIT;
	int rc = fl_st_header(rec, &header, e);

	if (!rc)
		rc = fl_out_write(o, header.s, header.len, e);
	for (size_t t = 0; !rc && t < rec->nt; t++) {
		if (rec->t[t].data || !rec->t[t].bytes)
			rc = fl_out_write(o, rec->t[t].data, rec->t[t].bytes, e);
		else
			for (size_t i = 0; !rc && i < n; i++)
				rc = fl_out_write(o, x + row_of(d, idx[i]) * row, row, e);
	}
	fl_str_release(&header);
	return rc;
}

int fl_data_index(const struct fl_data *d, const uint32_t *idx, size_t n, int64_t client,
                  const char *source, const char *hash, struct fl_tset *out, struct fl_err *e)
{
	const struct fl_tensor *id = fl_tset_find(&d->rec, "id");

	if (d->M)
		return fl_fail(e, FL_EUSAGE, "%s: data of several parts have no index form", d->name);
	if (describe(d, client, out, e) || fl_meta_set(out, "fl.source", source, e) ||
	    fl_meta_set(out, "fl.source_hash", hash, e) || add_rows(d, "index", idx, n, out, e) ||
	    gather_group(d, idx, n, out, e))
		return -1;
	return id ? gather(d, id, 0, idx, n, out, e) : 0;
}
