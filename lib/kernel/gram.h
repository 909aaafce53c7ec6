/* Inner products of many long vectors, in double. */
#ifndef FL_KERNEL_GRAM_H
#define FL_KERNEL_GRAM_H

#include <stddef.h>

/* G(K,K) += rows i in [i0,i1), all j <= i, of <v_i - c, v_j - c> over n coordinates
 * (v: K pointers); c NULL is the origin. Centre on one of them, because the squared distances that
 * rules form from G lose all digits to a common part. Differences and products
 * in double; each entry adds tiles of 1,024 coordinates in ascending order, a
 * tile's sum by the 64-lane definition of vmath.h. Rows may go to threads. */
void fl_gram_rows(const float *const *v, const float *c, size_t K, size_t n, size_t i0, size_t i1, double *G);

#endif
