/* How much the steps of a client count together. With every gradient 1, the distance
 * travelled, in units of the rate, is the sum of the gradients' shares. Of a step,
 *   g = 1 - lr pull d;  m = momentum m + (1 - dampening) g;  d += g + momentum m or m,
 * which is a linear map of (d, m, 1): t steps are its power. */
#include <string.h>

#include "fed/fed.h"

typedef double map[3][3];

static void multiply(map a, map b, map out)
{
	map r;

	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 3; j++)
			r[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
	memcpy(out, r, sizeof r);
}

/* One step that keeps `keep` of the gradient: rows d, m, 1. */
static void one_step(const struct fl_how *how, double lr, double keep, map out)
{
	double beta = how->opt.momentum, r = lr * how->pull;
	double m[3] = { -keep * r, beta, keep }, g[3] = { -r, 0, 1 };

	memset(out, 0, sizeof(map));
	for (size_t j = 0; j < 3; j++) {
		out[1][j] = m[j];
		out[0][j] = !(beta > 0) ? g[j] : how->opt.nesterov ? g[j] + beta * m[j] : m[j];
	}
	out[0][0] += 1;
	out[2][2] = 1;
}

double fl_how_sum(const struct fl_how *how, double lr, int64_t t)
{
	map first, step, all = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };

	if (t < 1)
		return 0;
	one_step(how, lr, 1, first);
	one_step(how, lr, 1 - how->opt.dampening, step);
	for (int64_t n = t - 1; n; n >>= 1) {
		if (n & 1)
			multiply(step, all, all);
		multiply(step, step, step);
	}
	multiply(all, first, all);
	return all[0][2];
}
