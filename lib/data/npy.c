/* Parsing of .npy headers and of the directory of a zip archive. */
#include "data/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/io.h"
#include "base/num.h"
#include "data/column.h"
#include "tensor/guess.h"
#include "tensor/meta.h"
#include "tensor/st.h"

#define MAGIC "\x93NUMPY"
#define HEADER_MAX 65536u	/* NumPy's own limit is less */
#define NPZ_MAX ((size_t)1 << 36)

/* --- .npy --- */

/* Passes over blanks and the word, if it is next. */
static int eat(const char **s, const char *w)
{
	size_t n = strlen(w);

	*s += strspn(*s, " ");
	if (strncmp(*s, w, n))
		return 0;
	*s += n;
	return 1;
}

static int parse_descr(const char **s, struct fl_npy *a, struct fl_err *e)
{
	static const struct { const char *name; enum fl_dtype t; } type[] = {
		{ "f4", FL_F32 }, { "f8", FL_F64 }, { "f2", FL_F16 }, { "u1", FL_U8 }, { "i1", FL_I8 },
		{ "u2", FL_U16 }, { "i2", FL_I16 }, { "u4", FL_U32 }, { "i4", FL_I32 },
		{ "u8", FL_U64 }, { "i8", FL_I64 }, { "b1", FL_BOOL },
	};
	char order;

	if (!eat(s, "'") || !**s)
		return fl_fail(e, FL_EDATA, "header: descr is not a simple type");
	order = *(*s)++;
	for (size_t i = 0; i < sizeof type / sizeof *type; i++) {
		if (!strchr("<>|=", order) || !eat(s, type[i].name))
			continue;
		a->dtype = type[i].t;
		a->swap = order == '>' && fl_dtype_size(a->dtype) > 1;
		return eat(s, "'") ? 0 : fl_fail(e, FL_EDATA, "header: descr is not a simple type");
	}
	return fl_fail(e, FL_EDATA, "header: type '%c%.*s' is not supported", order,
	               (int)strcspn(*s, "'"), *s);
}

/* "(3, 4)", "(3,)", "()" */
static int parse_shape(const char **s, struct fl_npy *a, struct fl_err *e)
{
	if (!eat(s, "("))
		return fl_fail(e, FL_EDATA, "header: shape is no tuple");
	for (a->ndim = 0; !eat(s, ")"); a->ndim++) {
		char number[24];
		int64_t v = 0;
		size_t n;

		*s += strspn(*s, " ");
		n = strspn(*s, "0123456789");
		if (!n || n >= sizeof number || a->ndim == FL_ST_NDIM_MAX)
			return fl_fail(e, FL_EDATA, "header: shape is no tuple of at most %d sizes",
			               FL_ST_NDIM_MAX);
		memcpy(number, *s, n);
		number[n] = '\0';
		*s += n;
		if (fl_num_i64(number, &v))
			return fl_fail(e, FL_EDATA, "header: size %s is too large", number);
		a->dim[a->ndim] = (size_t)v;
		if (!eat(s, ",") && **s != ')')
			return fl_fail(e, FL_EDATA, "header: shape is no tuple");
	}
	return 0;
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } in any order. */
static int parse_dict(const char *s, struct fl_npy *a, struct fl_err *e)
{
	int seen[3] = { 0 };

	if (!eat(&s, "{"))
		return fl_fail(e, FL_EDATA, "header: no dictionary");
	while (!eat(&s, "}")) {
		int key = eat(&s, "'descr'") ? 0 : eat(&s, "'fortran_order'") ? 1 :
		          eat(&s, "'shape'") ? 2 : -1;

		if (key < 0 || seen[key]++ || !eat(&s, ":"))
			return fl_fail(e, FL_EDATA, "header: not descr, fortran_order and shape, once each");
		if (key == 0 && parse_descr(&s, a, e))
			return -1;
		if (key == 1 && !(a->fortran = eat(&s, "True")) && !eat(&s, "False"))
			return fl_fail(e, FL_EDATA, "header: fortran_order is not True or False");
		if (key == 2 && parse_shape(&s, a, e))
			return -1;
		if (!eat(&s, ",") && *s != '}')
			return fl_fail(e, FL_EDATA, "header: no dictionary");
	}
	if (!seen[0] || !seen[1] || !seen[2] || s[strspn(s, " \n")])
		return fl_fail(e, FL_EDATA, "header: not descr, fortran_order and shape, once each");
	a->fortran = a->fortran && a->ndim > 1;
	return 0;
}

static int parse_header(const unsigned char *p, size_t n, struct fl_npy *a, struct fl_err *e)
{
	char text[HEADER_MAX + 1];
	size_t len, skip;

	if (n < 12 || memcmp(p, MAGIC, 6))
		return fl_fail(e, FL_EDATA, n < 12 ? "truncated header" : "is not .npy");
	if (p[6] < 1 || p[6] > 3)
		return fl_fail(e, FL_EDATA, ".npy version %d", p[6]);
	skip = p[6] == 1 ? 10 : 12;
	len = (size_t)p[8] | (size_t)p[9] << 8;
	if (p[6] > 1)
		len |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
	if (len > HEADER_MAX || len > n - skip)
		return fl_fail(e, FL_EDATA, len > HEADER_MAX ? "header of %zu bytes" :
		               "truncated header of %zu bytes", len);
	memcpy(text, p + skip, len);
	text[len] = '\0';
	a->at = skip + len;
	return parse_dict(text, a, e);
}

int fl_npy_header(const unsigned char *p, size_t n, struct fl_npy *a, struct fl_err *e)
{
	*a = (struct fl_npy){ .n = 1 };
	if (parse_header(p, n, a, e))
		return -1;
	for (unsigned i = 0; i < a->ndim; i++)
		if (fl_mul(a->n, a->dim[i], &a->n))
			return fl_fail(e, FL_EDATA, "shape is too large");
	/* Memory is got for what is there, not for what the header promises. */
	if (fl_mul(a->n, fl_dtype_size(a->dtype), &a->bytes) || a->bytes != n - a->at)
		return fl_fail(e, FL_EDATA, "%zu values promised, %zu bytes of them", a->n, n - a->at);
	return 0;
}

static void swap_bytes(unsigned char *p, size_t n, size_t size)
{
	for (; n--; p += size)
		for (size_t i = 0; i < size / 2; i++) {
			unsigned char t = p[i];

			p[i] = p[size - 1 - i];
			p[size - 1 - i] = t;
		}
}

/* out(n) of x(n) in Fortran order, whose strides grow from the first dimension on. */
static void reorder(const struct fl_npy *a, const unsigned char *x, unsigned char *out)
{
	size_t size = fl_dtype_size(a->dtype), at = 0;
	size_t index[FL_ST_NDIM_MAX] = { 0 }, stride[FL_ST_NDIM_MAX] = { 1 };

	for (unsigned k = 1; k < a->ndim; k++)
		stride[k] = stride[k - 1] * a->dim[k - 1];
	for (size_t i = 0; i < a->n; i++) {
		memcpy(out + i * size, x + at * size, size);
		for (unsigned k = a->ndim; k-- > 0; ) {
			at += stride[k];
			if (++index[k] < a->dim[k])
				break;
			at -= stride[k] * a->dim[k];
			index[k] = 0;
		}
	}
}

void fl_npy_values(const struct fl_npy *a, const unsigned char *p, unsigned char *out)
{
	if (a->fortran)
		reorder(a, p + a->at, out);
	else if (a->bytes)
		memcpy(out, p + a->at, a->bytes);
	if (a->swap)
		swap_bytes(out, a->n, fl_dtype_size(a->dtype));
}

int fl_npy_parse(const unsigned char *p, size_t n, const char *name, struct fl_tset *rec,
                 struct fl_err *e)
{
	struct fl_npy a;
	struct fl_tensor *t;

	if (fl_npy_header(p, n, &a, e))
		return -1;
	if (!(t = fl_tset_add(rec, name, a.dtype, a.ndim, a.dim, NULL, e)))
		return -1;
	if (a.bytes)
		fl_npy_values(&a, p, t->data);
	return 0;
}

static int npy_file(const char *path, const char *name, struct fl_tset *rec, struct fl_err *e)
{
	size_t n;
	char *p = fl_read_file(path, NPZ_MAX, &n, e);
	int rc;

	if (!p)
		return -1;
	rc = fl_npy_parse((unsigned char *)p, n, name, rec, e) ? fl_fail_in(e, "%s", path) : 0;
	free(p);
	return rc;
}

/* Arrays of raw as a data record. */
static int as_data(const struct fl_tset *raw, struct fl_tset *rec, struct fl_err *e)
{
	static const char *const column[] = { "y", "group", "id" };
	const struct fl_tensor *t = fl_tset_find(raw, "x");

	if (!t || !fl_tset_find(raw, "y"))
		return fl_fail(e, FL_EDATA, "array '%s' is missing", t ? "y" : "x");
	if (fl_column_x(rec, t, e))
		return -1;
	for (size_t i = 0; i < sizeof column / sizeof *column; i++)
		if ((t = fl_tset_find(raw, column[i])) && fl_column_integers(rec, column[i], t, e))
			return -1;
	return fl_meta_set_kind(rec, FL_KIND_DATA, e);
}

int fl_npy_pair(const char *x, const char *y, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_tset raw = { .t = NULL };
	int rc = npy_file(x, "x", &raw, e) || npy_file(y, "y", &raw, e) || as_data(&raw, rec, e);

	fl_tset_release(&raw);
	return rc ? -1 : 0;
}

/* --- .npz: zip archives (APPNOTE 6.3), stored or deflated, without zip64 sizes --- */

static size_t le(const unsigned char *p, int n)
{
	size_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

struct zip {
	const unsigned char *p;
	size_t n, at, left;	/* central directory: next entry, entries left */
};

struct member {
	char name[64];		/* without .npy */
	const unsigned char *data;
	size_t packed, size;
	unsigned method, crc;
};

/* The end record, from which the central directory is found. */
static int zip_open(struct zip *z, struct fl_err *e)
{
	for (size_t back = 22; back <= z->n && back < 22 + 65536; back++) {
		const unsigned char *p = z->p + z->n - back;

		if (memcmp(p, "PK\5\6", 4))
			continue;
		z->left = le(p + 10, 2);
		z->at = le(p + 16, 4);
		if (z->left == 0xffff || z->at == 0xffffffff)
			return fl_fail(e, FL_EDATA, "zip64 archive");
		return 0;
	}
	return fl_fail(e, FL_EDATA, "truncated: no end of a zip archive");
}

static int zip_next(struct zip *z, struct member *m, struct fl_err *e)
{
	const unsigned char *p = z->p + z->at, *local;
	size_t name, begin;

	if (z->at > z->n || z->n - z->at < 46 || memcmp(p, "PK\1\2", 4))
		return fl_fail(e, FL_EDATA, "directory of the archive is damaged");
	name = le(p + 28, 2);
	if (z->n - z->at - 46 < name)
		return fl_fail(e, FL_EDATA, "directory of the archive is damaged");
	m->method = (unsigned)le(p + 10, 2);
	m->crc = (unsigned)le(p + 16, 4);
	m->packed = le(p + 20, 4);
	m->size = le(p + 24, 4);
	snprintf(m->name, sizeof m->name, "%.*s", (int)(name < 63 ? name : 63), (const char *)p + 46);
	begin = le(p + 42, 4);
	if (le(p + 8, 2) & 1)
		return fl_fail(e, FL_EDATA, "member '%s' is encrypted", m->name);
	local = z->p + begin;
	if (begin > z->n || z->n - begin < 30 || memcmp(local, "PK\3\4", 4))
		return fl_fail(e, FL_EDATA, "member '%s': no header", m->name);
	begin += 30 + le(local + 26, 2) + le(local + 28, 2);
	if (begin > z->n || z->n - begin < m->packed)
		return fl_fail(e, FL_EDATA, "member '%s' is truncated", m->name);
	m->data = z->p + begin;
	z->at += 46 + name + le(p + 30, 2) + le(p + 32, 2);
	z->left--;
	return 0;
}

static int inflate_member(const struct member *m, unsigned char *out, struct fl_err *e)
{
	z_stream s = { .next_in = (unsigned char *)(uintptr_t)m->data, .avail_in = (unsigned)m->packed,
	               .next_out = out, .avail_out = (unsigned)m->size };
	int rc;

	if (inflateInit2(&s, -MAX_WBITS) != Z_OK)
		return fl_fail_mem(e, m->size);
	rc = inflate(&s, Z_FINISH);
	inflateEnd(&s);
	return rc == Z_STREAM_END && s.total_out == m->size ? 0 :
	       fl_fail(e, FL_EDATA, "member '%s' is damaged", m->name);
}

/* Bytes of the member, in memory that the caller frees. */
static unsigned char *unpack(const struct member *m, struct fl_err *e)
{
	unsigned char *out;

	/* No deflated byte becomes more than 1,032. */
	if ((m->method != 0 && m->method != 8) || (m->method == 0 && m->size != m->packed) ||
	    m->size / 1032 > m->packed) {
		fl_fail(e, FL_EDATA, "member '%s': method %u with %zu bytes for %zu", m->name, m->method,
		        m->packed, m->size);
		return NULL;
	}
	if (!(out = fl_alloc(m->size + 1, 1, e)))
		return NULL;
	if (m->method == 0)
		memcpy(out, m->data, m->size);
	else if (inflate_member(m, out, e))
		goto fail;
	if (crc32(0, out, (unsigned)m->size) == m->crc)
		return out;
	fl_fail(e, FL_EDATA, "member '%s': wrong checksum", m->name);
fail:
	free(out);
	return NULL;
}

/* Takes .npy off the name; 0 where it does not end so. */
static int is_array(struct member *m)
{
	size_t n = strlen(m->name);

	if (n < 4 || strcmp(m->name + n - 4, ".npy"))
		return 0;
	m->name[n - 4] = '\0';
	return 1;
}

static int is_wanted(struct member *m)
{
	return is_array(m) && (!strcmp(m->name, "x") || !strcmp(m->name, "y") ||
	                       !strcmp(m->name, "group") || !strcmp(m->name, "id"));
}

static int members(struct zip *z, struct fl_tset *raw, struct fl_err *e)
{
	struct member m;

	if (zip_open(z, e))
		return -1;
	while (z->left) {
		unsigned char *p;
		int rc;

		if (zip_next(z, &m, e))
			return -1;
		if (!is_wanted(&m))
			continue;
		if (!(p = unpack(&m, e)))
			return -1;
		rc = fl_npy_parse(p, m.size, m.name, raw, e);
		free(p);
		if (rc)
			return fl_fail_in(e, "%s.npy", m.name);
	}
	return 0;
}

unsigned char *fl_npz_member(const unsigned char *p, size_t n, const char *name, size_t *size,
                             struct fl_err *e)
{
	struct zip z = { .p = p, .n = n };
	struct member m, found = { .size = 0 };
	size_t arrays = 0, hits = 0;

	if (zip_open(&z, e))
		return NULL;
	while (z.left) {
		if (zip_next(&z, &m, e))
			return NULL;
		if (!is_array(&m))
			continue;
		arrays++;
		if (!name || !strcmp(m.name, name)) {
			hits++;
			found = m;
		}
	}
	if (hits == 1) {
		*size = found.size;
		return unpack(&found, e);
	}
	if (name)
		fl_fail(e, FL_EDATA, hits ? "array '%s' occurs twice" : "holds no array '%s'", name);
	else
		fl_fail(e, FL_EDATA, "holds %zu arrays: name one as FILE#NAME", arrays);
	return NULL;
}

int fl_npz(const char *path, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_tset raw = { .t = NULL };
	struct zip z = { .p = NULL };
	char *p = fl_read_file(path, NPZ_MAX, &z.n, e);
	int rc;

	if (!p)
		return -1;
	z.p = (const unsigned char *)p;
	rc = members(&z, &raw, e) ? -1 : raw.nt ? as_data(&raw, rec, e) :
	     fl_fail(e, FL_EDATA, "%s", fl_guess_file(z.p, z.n));
	if (rc)
		fl_fail_in(e, "%s", path);
	fl_tset_release(&raw);
	free(p);
	return rc;
}

/* --- */

static int begins(const char *path, const char *magic, size_t n)
{
	struct stat st;
	int fd, same;
	char b[8];

	/* Opening a FIFO and closing it again would end its writer. */
	if (stat(path, &st) || !S_ISREG(st.st_mode) || (fd = fl_open(path, O_RDONLY)) < 0)
		return 0;
	same = read(fd, b, n) == (ssize_t)n && !memcmp(b, magic, n);
	close(fd);
	return same;
}

int fl_is_npy(const char *path)
{
	return begins(path, MAGIC, 6);
}

int fl_is_npz(const char *path)
{
	return begins(path, "PK\3\4", 4);
}
