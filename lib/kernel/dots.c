/* Several chains of fused multiply-adds at once, so that none waits for another. */
#include "kernel/dots.h"

#include <math.h>

#include "kernel/isa.h"
#include "kernel/vmath.h"

/* As many chains as FL_DOTS side by side; those beyond n repeat the last. */
FL_BODY void dots_body(const float *const *x, const float *const *y, size_t d, float *out)
{
	float a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0, a6 = 0, a7 = 0;

	for (size_t k = 0; k < d; k++) {
		a0 = fmaf(x[0][k], y[0][k], a0);
		a1 = fmaf(x[1][k], y[1][k], a1);
		a2 = fmaf(x[2][k], y[2][k], a2);
		a3 = fmaf(x[3][k], y[3][k], a3);
		a4 = fmaf(x[4][k], y[4][k], a4);
		a5 = fmaf(x[5][k], y[5][k], a5);
		a6 = fmaf(x[6][k], y[6][k], a6);
		a7 = fmaf(x[7][k], y[7][k], a7);
	}
	out[0] = a0, out[1] = a1, out[2] = a2, out[3] = a3;
	out[4] = a4, out[5] = a5, out[6] = a6, out[7] = a7;
}
static void dots(const float *const *x, const float *const *y, size_t d, float *out);
FL_ISA_FN(dots, (const float *const *x, const float *const *y, size_t d, float *out), (x, y, d, out))

void fl_dots(const float *const *x, const float *const *y, size_t n, size_t d, float *out)
{
	const float *a[FL_DOTS], *b[FL_DOTS];
	float all[FL_DOTS];

	for (size_t i = 0; i < FL_DOTS; i++) {
		a[i] = x[i < n ? i : n - 1];
		b[i] = y[i < n ? i : n - 1];
	}
	dots(a, b, d, all);
	for (size_t i = 0; i < n; i++)
		out[i] = all[i];
}

#define LANES 64

/* A vector of the widest instructions; narrower ones take several steps. */
typedef float vec __attribute__((vector_size(64), aligned(4), may_alias));

FL_BODY float near_one(const float *x, const float *y, size_t d)
{
	vec a = { 0 }, b = { 0 }, c = { 0 }, e = { 0 };
	float rest = 0;
	size_t k = 0;

	for (; k + LANES <= d; k += LANES) {
		const vec *p = (const vec *)(x + k), *q = (const vec *)(y + k);

		a += p[0] * q[0];
		b += p[1] * q[1];
		c += p[2] * q[2];
		e += p[3] * q[3];
	}
	for (; k < d; k++)
		rest += x[k] * y[k];
	a = (a + b) + (c + e);
	for (size_t l = 0; l < 16; l++)
		rest += a[l];
	return rest;
}

FL_BODY void fl_dots_near_body(const float *x, const float *y, size_t n, size_t d, float *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = near_one(x, y + i * d, d);
}
FL_ISA_FN(fl_dots_near, (const float *x, const float *y, size_t n, size_t d, float *out),
          (x, y, n, d, out))

/* A sum of d products, each of whose at most d + 1 roundings is within u = 2^-24, is within
 * (d + 1) u/(1 - (d + 1) u) of |x||y|; so is the chain's. Products below normal numbers
 * are off by 2^-149 at most. */
double fl_dots_error(size_t d, double lx, double ly)
{
	double n = (double)d + 1, g = n * 0x1p-24 / (1 - n * 0x1p-24);

	return (2 * g * lx * ly + n * 0x1p-147) * (1 + 1e-6);
}

#define SHORT ((size_t)1 << 20)
/* Sums of squares that are neither infinite nor made of products below normal numbers. */
#define SQUARES_MIN 1e-20f
#define SQUARES_MAX 1e36f

double fl_length(const float *x, size_t d)
{
	float s;

	fl_dots_near(x, x, 1, d, &s);
	if (d > SHORT || !(s > SQUARES_MIN && s < SQUARES_MAX))
		return sqrt(fl_vsumsq(x, d)) * (1 + 1e-6);
	return sqrt((double)s + fl_dots_error(d, 1, s));
}

FL_BODY void fl_scale_row_body(const float *x, double by, float *y, size_t d)
{
	for (size_t k = 0; k < d; k++)
		y[k] = (float)((double)x[k] * by);
}
FL_ISA_FN(fl_scale_row, (const float *x, double by, float *y, size_t d), (x, by, y, d))
