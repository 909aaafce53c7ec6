/* Products of few pairs of rows: the chain of gemm.h, and unit rows. */
#ifndef FL_KERNEL_DOTS_H
#define FL_KERNEL_DOTS_H

#include <stddef.h>

#define FL_DOTS 8	/* pairs at once, so that their chains overlap */

/* out(n) = chains of fused multiply-adds over ascending k of x[i](d) and y[i](d), the bits
 * of fl_gemm. n <= FL_DOTS. */
void fl_dots(const float *const *x, const float *const *y, size_t n, size_t d, float *out);
/* y(d) = x(d) by, each product rounded once from double. y may be x. */
void fl_scale_row(const float *x, double by, float *y, size_t d);

#endif
