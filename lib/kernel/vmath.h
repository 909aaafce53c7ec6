/* Functions over arrays of F32, same bits on every processor and for every
 * length and alignment: polynomial after range reduction, every multiply-add
 * that matters written as fma. y may be x. Errors in ulp of F32. */
#ifndef FL_KERNEL_VMATH_H
#define FL_KERNEL_VMATH_H

#include <stddef.h>
#include <stdint.h>

void fl_vexp(const float *x, float *y, size_t n);	/* below 1 ulp; 0 below -103.98, inf above 88.73 */
void fl_vlog(const float *x, float *y, size_t n);	/* below 1 ulp; C's special values */
void fl_vtanh(const float *x, float *y, size_t n);	/* below 2 ulp */
/* The standard normal distribution, below 6 ulp in both tails, and its density, below
 * 3. x, cdf and pdf apart. */
void fl_vnormal(const float *x, float *cdf, float *pdf, size_t n);

/* Rows. z(B,C) logits -> p(B,C) softmax, lse(B) log of the sum of exp (may be
 * NULL). Row maximum subtracted; the sum runs in double in ascending c. */
void fl_softmax_rows(const float *z, float *p, float *lse, size_t B, size_t C);

/* y += a (x - from), and y = a x + b y, each operation rounded. Arrays apart. */
void fl_vpull(float a, const float *x, const float *from, float *y, size_t n);
void fl_vblend(float a, const float *x, float b, float *y, size_t n);
/* x = those of [-1,1] that are nearest: products of unit rows leave it by rounding. */
void fl_vcosine(float *x, size_t n);

/* Sums: 64 interleaved partial sums in double, element i to lane i mod 64,
 * then halving: the definition, whatever the instruction set. */
double fl_vdot(const float *x, const float *y, size_t n);
double fl_vsumsq(const float *x, size_t n);
/* 1 when every element is finite; *max = max |x| (0 when n is 0). */
int fl_vfinite(const float *x, size_t n, float *max);

void fl_f16_to_f32(const uint16_t *x, float *y, size_t n);
void fl_bf16_to_f32(const uint16_t *x, float *y, size_t n);

#endif
