/* Products of few pairs of rows: the chain of gemm.h, and unit rows. */
#ifndef FL_KERNEL_DOTS_H
#define FL_KERNEL_DOTS_H

#include <stddef.h>

#define FL_DOTS 8	/* pairs at once, so that their chains overlap */

/* out(n) = chains of fused multiply-adds over ascending k of x[i](d) and y[i](d), the bits
 * of fl_gemm. n <= FL_DOTS. */
void fl_dots(const float *const *x, const float *const *y, size_t n, size_t d, float *out);
/* out(n) = sums over k of x[k] y[i][k] of rows y(n,d), added in 64 lanes: as fast as they
 * can be read. No further than fl_dots_error from fl_dots. */
void fl_dots_near(const float *x, const float *y, size_t n, size_t d, float *out);
/* Of vectors of lengths lx and ly, where no product leaves F32. */
double fl_dots_error(size_t d, double lx, double ly);
/* At least the length of x(d), and hardly more; not finite where x is not. */
double fl_length(const float *x, size_t d);
/* y(d) = x(d) by, each product rounded once from double. y may be x. */
void fl_scale_row(const float *x, double by, float *y, size_t d);

#endif
