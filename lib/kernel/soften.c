/* Softmax at a temperature. The largest term is taken out, so that nothing overflows. */
#include "kernel/soften.h"

#include <math.h>

#include "base/fmath.h"

double fl_soften(const double *z, size_t C, double tau, double *p)
{
	double max = -INFINITY, sum = 0;

	for (size_t c = 0; c < C; c++)
		max = z[c] / tau > max ? z[c] / tau : max;
	for (size_t c = 0; c < C; c++)
		sum += p[c] = fl_exp(z[c] / tau - max);
	for (size_t c = 0; c < C; c++)
		p[c] /= sum;
	return max + fl_log(sum);
}

double fl_soften_row(const float *z, size_t C, double tau, double *p)
{
	for (size_t c = 0; c < C; c++)
		p[c] = (double)z[c];
	return fl_soften(p, C, tau, p);
}
