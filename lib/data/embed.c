/* Embeddings: which format a file is in, where its rows lie, what lies beside them.
 * Knows no scores. */
#define _GNU_SOURCE
#include "data/embed.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "data/named.h"
#include "data/npy.h"
#include "kernel/vmath.h"
#include "tensor/meta.h"

#define ROWS_MAX ((size_t)UINT32_MAX)	/* fl_embed_gather's numbers, and truth's */
#define CHECK_FLOATS ((size_t)1 << 16)	/* of one look at rows: stays in the cache */

/* A source taken apart. */
struct where {
	const char *source;	/* as given */
	char *path;		/* owned */
	const char *name;	/* of the tensor or array, or NULL */
};

static struct fl_embed *add_part(struct fl_embeds *all, struct fl_err *e)
{
	if (fl_grow(&all->part, &all->cap, all->n + 1, sizeof *all->part, e))
		return NULL;
	all->part[all->n] = (struct fl_embed){ .N = 0 };
	return &all->part[all->n++];
}

/* --- rows --- */

/* Rows of the tensor t(N,d) that lie from row on, stride bytes apart (0: one after
 * the other). */
static int set_rows(struct fl_embed *m, const struct fl_tensor *t, const unsigned char *row,
                    size_t stride, struct fl_err *e)
{
	char shape[64];

	if (t->ndim != 2)
		return fl_fail(e, FL_EDATA, "'%s' is %s, not rows of a matrix", t->name,
		               fl_tensor_shape_str(t, shape, sizeof shape));
	if (t->dtype == FL_BOOL)
		return fl_fail(e, FL_EDATA, "'%s' holds truth values, not numbers", t->name);
	if (!fl_dtype_is_number(t->dtype))
		return fl_fail(e, FL_EDATA, "'%s' is %s, which is not computed with", t->name,
		               fl_dtype_name(t->dtype));
	if (!t->dim[1])
		return fl_fail(e, FL_EDATA, "'%s': rows of no values", t->name);
	m->emb = t;
	m->N = t->dim[0];
	m->d = t->dim[1];
	m->row = row;
	m->stride = stride ? stride : m->d * fl_dtype_size(t->dtype);
	return 0;
}

/* Where rows that lie at byte at of fd can be read as they are. */
static void set_file(struct fl_embed *m, int fd, size_t at)
{
	if (fd && m->emb->dtype == FL_F32 && m->stride == m->d * sizeof(float)) {
		m->fd = fd;
		m->at = at;
	}
}

static struct fl_tensor *matrix(struct fl_embed *m, enum fl_dtype type, size_t N, size_t d,
                                struct fl_err *e)
{
	const size_t dim[] = { N, d };

	return fl_tset_add_bare(&m->rec, "emb", type, 2, dim, e);
}

static void to_f32(enum fl_dtype t, const void *x, float *out, size_t n)
{
	if (t == FL_F16)
		fl_f16_to_f32(x, out, n);
	else if (t == FL_BF16)
		fl_bf16_to_f32(x, out, n);
	else if (t == FL_F32 && n)
		memcpy(out, x, n * sizeof *out);
	else
		fl_dtype_to_f32(t, x, out, n);
}

void fl_embed_rows(const struct fl_embed *m, size_t i0, size_t n, float *out)
{
	enum fl_dtype t = m->emb->dtype;

	if (m->stride == m->d * fl_dtype_size(t)) {
		to_f32(t, m->row + i0 * m->stride, out, n * m->d);
		return;
	}
	for (size_t i = 0; i < n; i++)
		to_f32(t, m->row + (i0 + i) * m->stride, out + i * m->d, m->d);
}

void fl_embed_gather(const struct fl_embed *m, const uint32_t *idx, size_t n, float *out)
{
	for (size_t i = 0; i < n; i++)
		to_f32(m->emb->dtype, m->row + idx[i] * m->stride, out + i * m->d, m->d);
}

static int check_row(const struct fl_embed *m, const float *x, size_t i, int zero, struct fl_err *e)
{
	float max;

	if (!fl_vfinite(x, m->d, &max))
		return fl_fail(e, FL_EDATA, "row %zu: value %zu is not finite", i,
		               fl_dtype_nonfinite(FL_F32, x, m->d));
	if (zero && max == 0)
		return fl_fail(e, FL_EDATA, "row %zu is all zeros, which have no direction", i);
	return 0;
}

int fl_embed_check(const struct fl_embed *m, int zero, double *norm, struct fl_err *e)
{
	size_t step = CHECK_FLOATS / m->d + 1;
	float *x = fl_alloc(step * m->d, sizeof *x, e);
	int rc = x ? 0 : -1;

	for (size_t i = 0; !rc && i < m->N; i++) {
		const float *row;

		if (i % step == 0)
			fl_embed_rows(m, i, m->N - i < step ? m->N - i : step, x);
		row = x + i % step * m->d;
		if ((rc = check_row(m, row, i, zero, e)))
			fl_fail_in(e, "%s", m->name);
		else if (norm)
			norm[i] = sqrt(fl_vsumsq(row, m->d));
	}
	free(x);
	return rc;
}

/* --- what lies beside the rows --- */

const struct fl_tensor *fl_embed_beside(const struct fl_embed *m, const char *what)
{
	const char *name = m->emb->name, *dot = strrchr(name, '.');
	char beside[FL_ST_NAME_MAX + 32];
	size_t stem = !strcmp(name, "emb") ? 0 : dot ? (size_t)(dot + 1 - name) : strlen(name);

	if (stem > FL_ST_NAME_MAX || strlen(what) > 30)
		return NULL;
	memcpy(beside, name, stem);
	if (stem && !dot)
		beside[stem++] = '_';
	strcpy(beside + stem, what);
	return fl_tset_find(&m->rec, beside);
}

static int check_column(const struct fl_embed *m, const struct fl_tensor *t, struct fl_err *e)
{
	char shape[64];

	if (t->ndim != 1 || t->n != m->N)
		return fl_fail(e, FL_EDATA, "'%s' is %s for %zu rows", t->name,
		               fl_tensor_shape_str(t, shape, sizeof shape), m->N);
	if (!fl_dtype_is_integer(t->dtype))
		return fl_fail(e, FL_EDATA, "'%s' is %s, want whole numbers", t->name,
		               fl_dtype_name(t->dtype));
	return 0;
}

/* Element i of a tensor of integers; U64 beyond I64 is negative. */
static int64_t integer(const struct fl_tensor *t, size_t i)
{
	uint64_t v = 0;
	size_t size = fl_dtype_size(t->dtype);
	int wide = (int)(64 - 8 * size);

	memcpy(&v, (const unsigned char *)t->data + i * size, size);
	if (t->dtype == FL_U8 || t->dtype == FL_U16 || t->dtype == FL_U32)
		return (int64_t)v;
	return (int64_t)(v << wide) >> wide;
}

static int take_ids(struct fl_embed *m, struct fl_err *e)
{
	const struct fl_tensor *t = fl_embed_beside(m, "id");
	int64_t *id;

	if (!t)
		return 0;
	if (check_column(m, t, e))
		return -1;
	if (t->dtype == FL_I64) {
		m->id = t->data;
		return 0;
	}
	if (!(id = fl_arena_get(&m->arena, m->N, sizeof *id, e)))
		return -1;
	for (size_t i = 0; i < m->N; i++)
		if ((id[i] = integer(t, i)) < 0 && t->dtype == FL_U64)
			return fl_fail(e, FL_EDATA, "'%s': row %zu is above %lld", t->name, i,
			               (long long)INT64_MAX);
	m->id = id;
	return 0;
}

static int take_labels(struct fl_embed *m, struct fl_err *e)
{
	const struct fl_tensor *t = fl_embed_beside(m, "label");
	int32_t *label;

	if (!t)
		return 0;
	if (check_column(m, t, e))
		return -1;
	if (t->dtype == FL_I32) {
		m->label = t->data;
		return 0;
	}
	if (!(label = fl_arena_get(&m->arena, m->N, sizeof *label, e)))
		return -1;
	for (size_t i = 0; i < m->N; i++) {
		int64_t v = integer(t, i);

		if (v < INT32_MIN || v > INT32_MAX || (v < 0 && t->dtype == FL_U64))
			return fl_fail(e, FL_EDATA, "'%s': row %zu does not fit 32 bits", t->name, i);
		label[i] = (int32_t)v;
	}
	m->label = label;
	return 0;
}

/* --- records --- */

static int check_kind(const struct fl_tset *rec, struct fl_err *e)
{
	enum fl_kind kind;

	if (fl_meta_kind(rec, &kind, e))
		return -1;
	if (kind != FL_KIND_EMBED && kind != FL_KIND_NONE)
		return fl_fail(e, FL_EDATA, "holds %s; FILE#NAME takes one tensor of it", fl_kind_name(kind));
	return 0;
}

static int no_tensor(const struct fl_tset *rec, const char *name, struct fl_err *e)
{
	struct fl_str has = FL_STR_INIT;

	for (size_t i = 0; i < rec->nt && i < 8; i++)
		fl_str_addf(&has, "%s%s", i ? ", " : "", rec->t[i].name);
	fl_fail(e, FL_EDATA, "no tensor '%s'; it has %s%s%s", name, rec->nt ? fl_str_c(&has) : "none",
	        rec->nt > 8 ? ", ..." : "", strcmp(name, "emb") ? "" : ": FILE#NAME takes one of them");
	fl_str_release(&has);
	return -1;
}

static int from_record(struct fl_embed *m, const struct where *w, struct fl_err *e)
{
	const char *name = w->name ? w->name : "emb";
	const struct fl_tensor *t;

	if (!w->name && check_kind(&m->rec, e))
		return -1;
	if (!(t = fl_tset_find(&m->rec, name)))
		return no_tensor(&m->rec, name, e);
	return set_rows(m, t, t->data, 0, e) || take_ids(m, e) || take_labels(m, e) ? -1 : 0;
}

static const char *shown(const struct where *w)
{
	return strcmp(w->source, "-") ? w->source : "standard input";
}

/* rec, just read from s, becomes one more part. */
static int add_record(struct fl_embeds *all, struct fl_stream *s, const struct where *w,
                      struct fl_tset *rec, struct fl_err *e)
{
	struct fl_embed *m = add_part(all, e);

	if (!m)
		return -1;
	if (fl_stream_mapped(s)) {
		m->rec = *rec;
		*rec = (struct fl_tset){ .t = NULL };
	} else if (fl_tset_clone(&m->rec, rec, e)) {
		return -1;
	}
	m->name = fl_stream_count(s) == 1 ? fl_arena_str(&m->arena, shown(w), e) :
	          fl_arena_fmt(&m->arena, e, "%s: record %llu", shown(w), fl_stream_count(s));
	if (!m->name)
		return -1;
	if (from_record(m, w, e))
		return fl_fail_in(e, "%s", m->name);
	m->mapped = fl_stream_maps(s, m->row);
	return 0;
}

static int open_records(struct fl_embeds *all, const struct where *w, struct fl_err *e)
{
	struct fl_stream *s = fl_stream_open(w->path, e);
	struct fl_tset rec = { .t = NULL };
	size_t before = all->n;
	int rc;

	if (!s)
		return -1;
	while ((rc = fl_stream_next(s, &rec, e)) > 0)
		if (add_record(all, s, w, &rec, e)) {
			rc = -1;
			break;
		}
	fl_tset_release(&rec);
	if (!rc && !fl_stream_count(s))
		rc = fl_fail(e, FL_EDATA, "%s: no record", shown(w));
	if (!rc && !strcmp(w->path, "-") && fl_stream_count(s) > 1 && !fl_stream_ended(s))
		rc = fl_fail(e, FL_EDATA, "%s: ends after %llu records without an end record "
		             "(did its producer die?)", shown(w), fl_stream_count(s));
	/* Views need the mapping; the first part holds it for all. */
	if (all->n > before && fl_stream_mapped(s)) {
		all->part[before].keep = s;
		for (size_t i = before; !rc && i < all->n; i++) {
			size_t at = 0;
			int fd = fl_stream_file(s, all->part[i].row, &at);

			set_file(&all->part[i], fd, at);
		}
	} else
		fl_stream_close(s);
	return rc;
}

/* --- other formats --- */

static int map_file(struct fl_embed *m, const char *path, struct fl_err *e)
{
	int fd = fl_open(path, O_RDONLY), rc = -1;
	struct stat st;

	if (fd < 0)
		return fl_fail(e, FL_EIO, "%s", strerror(errno));
	if (fstat(fd, &st)) {
		fl_fail(e, FL_EIO, "%s", strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		fl_fail(e, FL_EIO, "is no regular file, as this format has to be");
	} else if (st.st_size <= 0) {
		fl_fail(e, FL_EDATA, "is empty");
	} else {
		m->map_size = (size_t)st.st_size;
		m->map = mmap(NULL, m->map_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (m->map == MAP_FAILED) {
			m->map = NULL;
			fl_fail(e, FL_EIO, "map: %s", strerror(errno));
		} else {
			rc = 0;
		}
	}
	if (!rc && fd < FL_FD_KEEP)
		m->file = fd;
	else
		close(fd);
	return rc;
}

/* The .npy in p(n), which lives as long as m. */
static int from_npy(struct fl_embed *m, const unsigned char *p, size_t n, struct fl_err *e)
{
	struct fl_npy a;
	struct fl_tensor *t;
	unsigned char *copy;

	if (fl_npy_header(p, n, &a, e))
		return -1;
	if (a.ndim != 2)
		return fl_fail(e, FL_EDATA, "an array of %u dimensions, not rows of a matrix", a.ndim);
	if (!(t = matrix(m, a.dtype, a.dim[0], a.dim[1], e)))
		return -1;
	t->data = (unsigned char *)(uintptr_t)p + a.at;
	if (a.swap || a.fortran || (uintptr_t)t->data % fl_dtype_size(a.dtype)) {
		if (!(copy = fl_arena_get(&m->arena, a.bytes, 1, e)))
			return -1;
		fl_npy_values(&a, p, copy);
		t->data = copy;
	}
	return set_rows(m, t, t->data, 0, e);
}

static int open_npy(struct fl_embed *m, const struct where *w, struct fl_err *e)
{
	if (w->name)
		return fl_fail(e, FL_EDATA, ".npy holds one array, without a name");
	return map_file(m, w->path, e) || from_npy(m, m->map, m->map_size, e) ? -1 : 0;
}

static int open_npz(struct fl_embed *m, const struct where *w, struct fl_err *e)
{
	unsigned char *p, *keep;
	size_t n;

	if (map_file(m, w->path, e) || !(p = fl_npz_member(m->map, m->map_size, w->name, &n, e)))
		return -1;
	keep = fl_arena_get(&m->arena, n, 1, e);
	if (keep)
		memcpy(keep, p, n);
	free(p);
	return keep ? from_npy(m, keep, n, e) : -1;
}

/* texmex's vectors: every row begins with its length. big-ann's: rows and length once. */
static const struct plain {
	const char *suffix;
	enum fl_dtype type;
	int every;	/* length before every row */
} plains[] = {
	{ ".fvecs", FL_F32, 1 }, { ".ivecs", FL_I32, 1 }, { ".bvecs", FL_U8, 1 },
	{ ".fbin", FL_F32, 0 }, { ".hbin", FL_F16, 0 }, { ".dbin", FL_F64, 0 },
	{ ".u8bin", FL_U8, 0 }, { ".i8bin", FL_I8, 0 }, { ".ibin", FL_I32, 0 },
};

static const struct plain *find_plain(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof plains / sizeof *plains; i++) {
		size_t k = strlen(plains[i].suffix);

		if (n > k && !strcmp(path + n - k, plains[i].suffix))
			return &plains[i];
	}
	return NULL;
}

static uint32_t u32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int from_vecs(struct fl_embed *m, enum fl_dtype type, struct fl_err *e)
{
	const unsigned char *p = m->map;
	struct fl_tensor *t;
	size_t d, stride;

	if (m->map_size < 4)
		return fl_fail(e, FL_EDATA, "truncated: %zu bytes", m->map_size);
	d = u32(p);
	stride = 4 + d * fl_dtype_size(type);
	if (d > INT32_MAX || m->map_size % stride)
		return fl_fail(e, FL_EDATA, "%zu bytes are no rows of %zu values", m->map_size, d);
	for (size_t i = 0; i < m->map_size / stride; i++)
		if (u32(p + i * stride) != d)
			return fl_fail(e, FL_EDATA, "row %zu has %lu values, row 0 has %zu", i,
			               (unsigned long)u32(p + i * stride), d);
	if (!(t = matrix(m, type, m->map_size / stride, d, e)))
		return -1;
	return set_rows(m, t, p + 4, stride, e);
}

static int from_bin(struct fl_embed *m, enum fl_dtype type, struct fl_err *e)
{
	unsigned char *p = m->map;
	struct fl_tensor *t;

	if (m->map_size < 8)
		return fl_fail(e, FL_EDATA, "truncated: %zu of 8 bytes of the sizes", m->map_size);
	if (!(t = matrix(m, type, u32(p), u32(p + 4), e)))
		return -1;
	if (t->bytes != m->map_size - 8)
		return fl_fail(e, FL_EDATA, "%lux%lu promised, %zu bytes of them", (unsigned long)u32(p),
		               (unsigned long)u32(p + 4), m->map_size - 8);
	t->data = p + 8;
	return set_rows(m, t, t->data, 0, e);
}

static int open_plain(struct fl_embed *m, const struct where *w, const struct plain *f,
                      struct fl_err *e)
{
	if (w->name)
		return fl_fail(e, FL_EDATA, "%s holds one matrix, without a name", f->suffix);
	if (map_file(m, w->path, e))
		return -1;
	return f->every ? from_vecs(m, f->type, e) : from_bin(m, f->type, e);
}

/* A file that is one matrix. */
static int open_file(struct fl_embeds *all, const struct where *w, const struct plain *f,
                     struct fl_err *e)
{
	struct fl_embed *m = add_part(all, e);
	int rc;

	if (!m || !(m->name = fl_arena_str(&m->arena, w->source, e)))
		return -1;
	rc = f ? open_plain(m, w, f, e) : fl_is_npy(w->path) ? open_npy(m, w, e) : open_npz(m, w, e);
	m->mapped = m->row >= (unsigned char *)m->map && m->row < (unsigned char *)m->map + m->map_size;
	if (!rc && m->mapped)
		set_file(m, m->file, (size_t)(m->row - (unsigned char *)m->map));
	return rc ? fl_fail_in(e, "%s", w->source) : 0;
}

/* --- sources --- */

static int open_source(struct fl_embeds *all, const char *source, struct fl_err *e)
{
	const struct plain *f;
	struct where w = { .source = source };
	int rc;

	if (fl_named_split(source, &w.path, &w.name, e))
		return -1;
	f = find_plain(w.path);
	rc = f || fl_is_npy(w.path) || fl_is_npz(w.path) ? open_file(all, &w, f, e) :
	     open_records(all, &w, e);
	free(w.path);
	return rc;
}

static void release(struct fl_embed *m)
{
	fl_tset_release(&m->rec);
	fl_stream_close(m->keep);
	if (m->map)
		munmap(m->map, m->map_size);
	if (m->file)
		close(m->file);
	fl_arena_release(&m->arena);
	*m = (struct fl_embed){ .N = 0 };
}

void fl_embed_release(struct fl_embed *m)
{
	release(m);
}

int fl_embed_open(struct fl_embed *m, const char *source, struct fl_err *e)
{
	struct fl_embeds all = { .n = 0 };
	int rc = open_source(&all, source, e);

	*m = (struct fl_embed){ .N = 0 };
	if (!rc && all.n != 1)
		rc = fl_fail(e, FL_EDATA, "%s: holds more than one record", source);
	if (!rc) {
		*m = all.part[0];
		all.n = 0;
	}
	fl_embeds_release(&all);
	return rc;
}

/* --- many parts as one matrix --- */

void fl_embeds_release(struct fl_embeds *m)
{
	for (size_t i = 0; i < m->n; i++)
		release(&m->part[i]);
	free(m->part);
	free(m->byid);
	*m = (struct fl_embeds){ .n = 0 };
}

static int by_id(const void *va, const void *vb)
{
	const struct fl_idrow *a = va, *b = vb;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

static int sort_ids(struct fl_embeds *m, struct fl_err *e)
{
	size_t n = 0;

	if (!(m->byid = fl_alloc(m->N, sizeof *m->byid, e)))
		return -1;
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < m->part[i].N; k++, n++)
			m->byid[n] = (struct fl_idrow){ m->part[i].id[k], n };
	qsort(m->byid, m->N, sizeof *m->byid, by_id);
	for (size_t i = 1; i < m->N; i++)
		if (m->byid[i].id == m->byid[i - 1].id)
			return fl_fail(e, FL_EDATA, "%s: id %lld is on rows %zu and %zu",
			               fl_embeds_part(m, m->byid[i].row)->name, (long long)m->byid[i].id,
			               m->byid[i - 1].row, m->byid[i].row);
	return 0;
}

/* What has no rows has neither ids nor labels. */
static int count_rows(struct fl_embeds *m, struct fl_err *e)
{
	const struct fl_embed *one = NULL;

	m->d = m->part[0].d;
	m->has_label = 1;
	for (size_t i = 0; i < m->n; i++) {
		struct fl_embed *p = &m->part[i];

		if (p->d != m->d)
			return fl_fail(e, FL_EDATA, "%s has rows of %zu values, %s of %zu", p->name, p->d,
			               m->part[0].name, m->d);
		p->first = m->N;
		if (!p->N)
			continue;
		one = one ? one : p;
		if (!p->id != !one->id)
			return fl_fail(e, FL_EDATA, "%s has %s, %s has %s", p->name, p->id ? "ids" : "no ids",
			               one->name, p->id ? "none" : "ids");
		if (p->N > ROWS_MAX || (m->N += p->N) > ROWS_MAX)
			return fl_fail(e, FL_EDATA, "%s: more than %zu rows", p->name, ROWS_MAX);
		m->has_label &= p->label != NULL;
	}
	return !m->N ? fl_fail(e, FL_EDATA, "%s: no row", m->part[0].name) :
	       one->id ? sort_ids(m, e) : 0;
}

int fl_embeds_open(struct fl_embeds *m, const char *const *source, size_t n, struct fl_err *e)
{
	*m = (struct fl_embeds){ .n = 0 };
	for (size_t i = 0; i < n; i++)
		if (open_source(m, source[i], e))
			goto fail;
	if (!n) {
		fl_fail(e, FL_EUSAGE, "no embeddings given");
		goto fail;
	}
	if (!count_rows(m, e))
		return 0;
fail:
	fl_embeds_release(m);
	return -1;
}

int fl_embeds_take(struct fl_embeds *m, struct fl_tset *rec, const char *name, struct fl_err *e)
{
	struct where w = { .source = name };
	struct fl_embed *p;

	*m = (struct fl_embeds){ .n = 0 };
	if ((p = add_part(m, e))) {
		p->rec = *rec;
		*rec = (struct fl_tset){ .t = NULL };
		if ((p->name = fl_arena_str(&p->arena, name, e)) && !from_record(p, &w, e) &&
		    !count_rows(m, e))
			return 0;
	}
	fl_tset_release(rec);
	fl_embeds_release(m);
	return -1;
}

const struct fl_embed *fl_embeds_part(const struct fl_embeds *m, size_t i)
{
	size_t lo = 0, hi = m->n;

	/* The last part that begins at or before i; empty ones begin where the next does. */
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->part[mid].first <= i)
			lo = mid;
		else
			hi = mid;
	}
	return &m->part[lo];
}

int fl_embeds_find(const struct fl_embeds *m, int64_t id, size_t *row)
{
	size_t lo = 0, hi = m->N;

	if (!m->byid) {
		*row = (size_t)id;
		return id >= 0 && (uint64_t)id < m->N ? 0 : -1;
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->byid[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == m->N || m->byid[lo].id != id)
		return -1;
	*row = m->byid[lo].row;
	return 0;
}

void fl_embeds_rows(const struct fl_embeds *m, size_t i0, size_t n, float *out)
{
	while (n) {
		const struct fl_embed *p = fl_embeds_part(m, i0);
		size_t k = i0 - p->first, take = p->N - k < n ? p->N - k : n;

		fl_embed_rows(p, k, take, out);
		i0 += take;
		n -= take;
		out += take * m->d;
	}
}

static int read_part(const struct fl_embed *m, size_t i0, size_t n, float *out, struct fl_err *e)
{
	if (!m->fd) {
		fl_embed_rows(m, i0, n, out);
		return 0;
	}
	return fl_read_at(m->fd, out, n * m->stride, m->at + i0 * m->stride, e) ?
	       fl_fail_in(e, "%s", m->name) : 0;
}

int fl_embeds_read(const struct fl_embeds *m, size_t i0, size_t n, float *out, struct fl_err *e)
{
	while (n) {
		const struct fl_embed *p = fl_embeds_part(m, i0);
		size_t k = i0 - p->first, take = p->N - k < n ? p->N - k : n;

		if (read_part(p, k, take, out, e))
			return -1;
		i0 += take;
		n -= take;
		out += take * m->d;
	}
	return 0;
}

void fl_embeds_gather(const struct fl_embeds *m, const uint32_t *idx, size_t n, float *out)
{
	for (size_t i = 0; i < n; i++)
		fl_embeds_rows(m, idx[i], 1, out + i * m->d);
}

int fl_embeds_check(const struct fl_embeds *m, int zero, double *norm, struct fl_err *e)
{
	for (size_t i = 0; i < m->n; i++)
		if (fl_embed_check(&m->part[i], zero, norm ? norm + m->part[i].first : NULL, e))
			return -1;
	return 0;
}

int fl_embeds_check_rows(const struct fl_embeds *m, size_t i0, size_t n, const float *x, int zero,
                         struct fl_err *e)
{
	for (size_t i = i0; i < i0 + n; i++, x += m->d) {
		const struct fl_embed *p = fl_embeds_part(m, i);

		if (check_row(p, x, i - p->first, zero, e))
			return fl_fail_in(e, "%s", p->name);
	}
	return 0;
}

/* Whole pages within the rows of one part. */
static void drop(const struct fl_embed *m, size_t i0, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t lo = ((uintptr_t)m->row + i0 * m->stride + page - 1) / page * page;
	uintptr_t hi = ((uintptr_t)m->row + (i0 + n) * m->stride) / page * page;

	if (m->mapped && lo < hi)
		madvise((char *)lo, hi - lo, MADV_DONTNEED);
}

void fl_embeds_drop(const struct fl_embeds *m, size_t i0, size_t n)
{
	while (n) {
		const struct fl_embed *p = fl_embeds_part(m, i0);
		size_t k = i0 - p->first, take = p->N - k < n ? p->N - k : n;

		drop(p, k, take);
		i0 += take;
		n -= take;
	}
}
