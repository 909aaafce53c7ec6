/* Products of rows with rows, both packed once and used often. */
#ifndef FL_KERNEL_PACKED_H
#define FL_KERNEL_PACKED_H

#include <stddef.h>

/* Rows of a that lie together when packed: a part of packed rows begins at a multiple of it. */
#define FL_PACKED_A 12

/* Floats of m rows of a, of n rows of b. Where packed: 64-byte aligned. */
size_t fl_packed_a(size_t m, size_t d);
size_t fl_packed_b(size_t n, size_t d);
void fl_pack_a(const float *a, size_t m, size_t d, float *packed);
void fl_pack_rows(const float *b, size_t n, size_t d, float *packed);
/* c(m,n), ldc floats between rows: c[i][j] is the chain of gemm.h over d of rows a[i] and
 * b[j]. */
void fl_packed_product(const float *a, size_t m, const float *b, size_t n, size_t d, float *c,
                       size_t ldc);

#endif
