/* NumPy's files: .npy, and .npz, a zip archive of them. Strict: a header is parsed,
 * never evaluated; no pickles. */
#ifndef FL_DATA_NPY_H
#define FL_DATA_NPY_H

#include "tensor/tset.h"

/* The array in bytes p(n) as tensor name of rec: copied, little-endian, C order.
 * FL_EDATA for another type, Fortran order, or a size that does not fit. */
int fl_npy_parse(const unsigned char *p, size_t n, const char *name, struct fl_tset *rec,
                 struct fl_err *e);
/* Tensors x, y and, where they are there, group and id of a data record. */
int fl_npy_pair(const char *x, const char *y, struct fl_tset *rec, struct fl_err *e);
int fl_npz(const char *path, struct fl_tset *rec, struct fl_err *e);

/* What the file begins with; 0 where it cannot be read. */
int fl_is_npy(const char *path);
int fl_is_npz(const char *path);

#endif
