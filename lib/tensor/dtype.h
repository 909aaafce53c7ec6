/* Element types, in the order in which the buffer holds tensors: by alignment,
 * as the reference writer sorts. Those of other programs are listed, copied and compared
 * bit by bit, but never read as numbers: complex ones, and floats of 8 bits and less. */
#ifndef FL_TENSOR_DTYPE_H
#define FL_TENSOR_DTYPE_H

#include <stddef.h>

enum fl_dtype {
	FL_U64, FL_I64, FL_F64, FL_C64, FL_F32, FL_U32, FL_I32,
	FL_BF16, FL_F16, FL_U16, FL_I16,
	FL_F8_E5M2FNUZ, FL_F8_E4M3FNUZ, FL_F8_E8M0, FL_F8_E4M3, FL_F8_E5M2,
	FL_I8, FL_U8, FL_F6_E3M2, FL_F6_E2M3, FL_F4, FL_BOOL,
	FL_NDTYPE
};

/* Bytes of an element; of types whose elements share bytes, 1. */
size_t fl_dtype_size(enum fl_dtype t);
/* Bytes of n elements: 0; -1 where they do not end with a byte, or are too many. */
int fl_dtype_bytes(enum fl_dtype t, size_t n, size_t *bytes);
const char *fl_dtype_name(enum fl_dtype t);		/* "F32" */
int fl_dtype_parse(const char *s, enum fl_dtype *t);	/* 0 or -1 */
int fl_dtype_is_float(enum fl_dtype t);			/* F64, F32, BF16, F16 */
int fl_dtype_is_integer(enum fl_dtype t);		/* not BOOL */
int fl_dtype_is_number(enum fl_dtype t);		/* can be converted: either, or BOOL */
/* Of numbers alone: y(n) = x(n) as double (U64 beyond 2^53 rounds). */
void fl_dtype_to_f64(enum fl_dtype t, const void *x, double *y, size_t n);
/* y(n) = x(n) as F32; F64 and integers round to nearest. */
void fl_dtype_to_f32(enum fl_dtype t, const void *x, float *y, size_t n);
/* Index of the first element of x(n) that is infinite or not a number; n where
 * all are finite, as integers always are, and where they are no numbers. */
size_t fl_dtype_nonfinite(enum fl_dtype t, const void *x, size_t n);

#endif
