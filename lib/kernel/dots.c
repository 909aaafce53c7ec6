#include "kernel/dots.h"

#include <math.h>

#include "kernel/isa.h"

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

FL_BODY void fl_scale_row_body(const float *x, double by, float *y, size_t d)
{
	for (size_t k = 0; k < d; k++)
		y[k] = (float)((double)x[k] * by);
}
FL_ISA_FN(fl_scale_row, (const float *x, double by, float *y, size_t d), (x, by, y, d))
