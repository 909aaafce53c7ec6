/* How much the steps of a client count together. With every gradient 1, the distance
 * travelled, in units of the rate, is the sum of the gradients' shares. Of a step,
 *   g = 1 - lr pull d;  m = momentum m + (1 - dampening) g;  d += g + momentum m or m,
 * which is a linear map of (d, m, 1): t steps are its power. That is the sum of their
 * magnitudes as long as none is negative. */
#include <math.h>
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

/* What a gradient of 1 leaves, some steps later. */
struct trace {
	double d, m;
};

/* That of a gradient of which m takes `keep`, in the step that follows it. */
static struct trace trace_begin(const struct fl_how *how, double keep)
{
	double more = how->opt.momentum * keep;

	return (struct trace){ how->opt.nesterov ? 1 + more : keep, keep };
}

static void trace_step(struct trace *x, map step)
{
	*x = (struct trace){ step[0][0] * x->d + step[0][1] * x->m,
	                     step[1][0] * x->d + step[1][1] * x->m };
}

/* Momentum and a pull make gradients swing, so that shares change sign: one by one, from
 * the last gradient's on. Few steps later nothing of a gradient is left to count. */
static double sum_traces(const struct fl_how *how, map step, int64_t t)
{
	struct trace x = trace_begin(how, 1 - how->opt.dampening), first = trace_begin(how, 1);
	double sum = 0;

	for (int64_t i = 1; i < t; i++) {
		sum += fabs(x.d);
		trace_step(&x, step);
		trace_step(&first, step);
		if (fabs(x.d) + fabs(x.m) + fabs(first.d) + fabs(first.m) < 0x1p-80 * sum)
			break;
	}
	return sum + fabs(first.d);
}

double fl_how_sum(const struct fl_how *how, double lr, int64_t t)
{
	map first, step, all = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };

	if (t < 1)
		return 0;
	one_step(how, lr, 1, first);
	one_step(how, lr, 1 - how->opt.dampening, step);
	if (how->opt.momentum > 0 && lr * how->pull > 0)
		return t > FL_HOW_STEPS ? NAN : sum_traces(how, step, t);
	for (int64_t n = t - 1; n; n >>= 1) {
		if (n & 1)
			multiply(step, all, all);
		multiply(step, step, step);
	}
	multiply(all, first, all);
	return all[0][2];
}
