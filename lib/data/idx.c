/* IDX, the format of MNIST, plain or gzip: two zero bytes, a type, the number of
 * dimensions, each dimension as 32 bits, the values; all big-endian.
 * http://yann.lecun.com/exdb/mnist/ */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/io.h"
#include "base/num.h"
#include "data/source.h"
#include "tensor/guess.h"
#include "tensor/meta.h"
#include "tensor/st.h"

#define INFLATE_MAX 1032u	/* zlib: no stream grows by more than this */
#define STEP ((size_t)1 << 30)	/* what gzread's counts surely hold */

struct idx {
	gzFile f;
	size_t file;		/* bytes of it */
	enum fl_dtype dtype;
	unsigned ndim;
	size_t dim[FL_ST_NDIM_MAX], n, bytes;
};

static int idx_open(struct idx *x, const char *path, struct fl_err *e)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = fl_open(path, O_RDONLY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		fl_fail(e, FL_EIO, "%s", strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		fl_fail(e, FL_EIO, "is not a regular file");
	} else if (!(x->f = gzdopen(fd, "rb")) || gzbuffer(x->f, 128u << 10)) {
		fl_fail_mem(e, 128u << 10);
	} else {
		x->file = (size_t)st.st_size;
		return 0;
	}
	if (!x->f && fd >= 0)
		close(fd);
	return -1;
}

/* Exactly n bytes. */
static int get(struct idx *x, void *p, size_t n, struct fl_err *e)
{
	size_t got = 0;
	int r = 1, code;

	while (got < n && r > 0) {
		size_t want = n - got < STEP ? n - got : STEP;

		r = gzread(x->f, (char *)p + got, (unsigned)want);
		if (r > 0)
			got += (size_t)r;
	}
	if (r < 0) {
		const char *why = gzerror(x->f, &code);

		return code == Z_ERRNO ? fl_fail(e, FL_EIO, "read: %s", strerror(errno)) :
		       fl_fail(e, FL_EDATA, "gzip: %s", why);
	}
	if (got < n)
		return fl_fail(e, FL_EDATA, "truncated: %zu of %zu bytes", got, n);
	return 0;
}

static int parse_type(unsigned char c, enum fl_dtype *t)
{
	switch (c) {
	case 0x08: *t = FL_U8; return 0;
	case 0x09: *t = FL_I8; return 0;
	case 0x0b: *t = FL_I16; return 0;
	case 0x0c: *t = FL_I32; return 0;
	case 0x0d: *t = FL_F32; return 0;
	case 0x0e: *t = FL_F64; return 0;
	default: return -1;
	}
}

static int idx_header(struct idx *x, struct fl_err *e)
{
	unsigned char b[4];
	size_t limit;

	if (get(x, b, 4, e))
		return fl_fail_in(e, "header");
	if (b[0] || b[1] || parse_type(b[2], &x->dtype)) {
		const char *what = fl_guess_file(b, sizeof b);

		return what ? fl_fail(e, FL_EDATA, "%s", what) :
		       fl_fail(e, FL_EDATA, "is not IDX: begins %02x%02x%02x%02x", b[0], b[1], b[2], b[3]);
	}
	if (!b[3] || b[3] > FL_ST_NDIM_MAX)
		return fl_fail(e, FL_EDATA, "%d dimensions, want 1 to %d", b[3], FL_ST_NDIM_MAX);
	x->ndim = b[3];
	x->n = 1;
	for (unsigned i = 0; i < x->ndim; i++) {
		if (get(x, b, 4, e))
			return fl_fail_in(e, "header");
		x->dim[i] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
		if (fl_mul(x->n, x->dim[i], &x->n))
			return fl_fail(e, FL_EDATA, "dimensions are too large");
	}
	/* Memory is got for what the file can hold, not for what it promises. */
	limit = gzdirect(x->f) ? x->file : x->file * INFLATE_MAX;
	if (fl_mul(x->n, fl_dtype_size(x->dtype), &x->bytes) || x->bytes > limit)
		return fl_fail(e, FL_EDATA, "truncated: %zu values promised in a file of %zu bytes",
		               x->n, x->file);
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

/* The values, and nothing after them. */
static int idx_values(struct idx *x, void *p, struct fl_err *e)
{
	char more;
	int r;

	if (get(x, p, x->bytes, e))
		return -1;
	if ((r = gzread(x->f, &more, 1)) > 0)
		return fl_fail(e, FL_EDATA, "bytes follow the %zu values", x->n);
	/* The end of a gzip member, its checksum, is looked at only here. */
	if (r < 0 || gzclose_r(x->f) != Z_OK) {
		if (r >= 0)
			x->f = NULL;
		return fl_fail(e, FL_EDATA, "gzip: truncated or damaged");
	}
	x->f = NULL;
	swap_bytes(p, x->n, fl_dtype_size(x->dtype));
	return 0;
}

/* The file as tensor name of rec. */
static int idx_read(const char *path, const char *name, struct fl_tset *rec, struct fl_err *e)
{
	struct idx x = { .f = NULL };
	void *p = NULL;
	int rc = -1;

	if (!idx_open(&x, path, e) && !idx_header(&x, e) &&
	    (p = fl_arena_get(&rec->arena, x.bytes, 1, e)) && !idx_values(&x, p, e) &&
	    fl_tset_add(rec, name, x.dtype, x.ndim, x.dim, p, e))
		rc = 0;
	if (x.f)
		gzclose_r(x.f);
	return rc ? fl_fail_in(e, "%s", path) : 0;
}

int fl_idx_pair(const char *images, const char *labels, struct fl_tset *rec, struct fl_err *e)
{
	return idx_read(images, "x", rec, e) || idx_read(labels, "y", rec, e) ||
	       fl_meta_set_kind(rec, FL_KIND_DATA, e) ? -1 : 0;
}
