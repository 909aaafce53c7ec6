/* NumPy's files: .npy, and .npz, a zip archive of them. Strict: a header is parsed,
 * never evaluated; no pickles. */
#ifndef FL_DATA_NPY_H
#define FL_DATA_NPY_H

#include "base/io.h"
#include "tensor/st.h"
#include "tensor/tset.h"

/* What the header of an .npy says. */
struct fl_npy {
	enum fl_dtype dtype;
	int swap;		/* big-endian */
	int fortran;		/* the first index varies fastest */
	unsigned ndim;
	size_t dim[FL_ST_NDIM_MAX], n, bytes;
	size_t at;		/* byte at which the n values begin */
};
/* Of the file in p(n). FL_EDATA for another type, or a size that does not fit. */
int fl_npy_header(const unsigned char *p, size_t n, struct fl_npy *a, struct fl_err *e);
/* out(a->bytes) = the values of a, little-endian, in C order. */
void fl_npy_values(const struct fl_npy *a, const unsigned char *p, unsigned char *out);

/* The array in bytes p(n) as tensor name of rec: copied, little-endian, C order.
 * FL_EDATA for another type, or a size that does not fit. */
int fl_npy_parse(const unsigned char *p, size_t n, const char *name, struct fl_tset *rec,
                 struct fl_err *e);
/* Tensors x, y and, where they are there, group and id of a data record. */
int fl_npy_pair(const char *x, const char *y, struct fl_tset *rec, struct fl_err *e);
int fl_npz(const char *path, struct fl_tset *rec, struct fl_err *e);
/* NAME.npy out of the archive in p(n), or its only array where name is NULL:
 * size bytes that the caller frees. NULL: FL_EDATA. */
unsigned char *fl_npz_member(const unsigned char *p, size_t n, const char *name, size_t *size,
                             struct fl_err *e);

/* The header of an .npy of (n,k) values of dtype F64 or I64, which then follow. */
int fl_npy_write_header(struct fl_out *o, enum fl_dtype dtype, size_t n, size_t k,
                        struct fl_err *e);

/* What the file begins with; 0 where it cannot be read. */
int fl_is_npy(const char *path);
int fl_is_npz(const char *path);

#endif
