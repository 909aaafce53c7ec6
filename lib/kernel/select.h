/* Order statistics over small K, a tile of coordinates at a time. */
#ifndef FL_KERNEL_SELECT_H
#define FL_KERNEL_SELECT_H

#include <stddef.h>

/* Sorts every column of v(K,n) ascending, in place; finite input. -0 and 0 are
 * ordered -0 < 0 so that bytes do not depend on the order of rows. */
void fl_sort_columns(float *v, size_t K, size_t n);
/* out(n): median of each column of v(K,n); mean of the two middle values in
 * float for even K ((a+b)/2 without overflow). Destroys v. */
void fl_median_columns(float *v, size_t K, size_t n, float *out);
/* out(n): mean of each column after dropping the cut smallest and cut largest,
 * summed in double in ascending order. 2*cut < K. Destroys v. */
void fl_trimmed_columns(float *v, size_t K, size_t n, size_t cut, float *out);

#endif
