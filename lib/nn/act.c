/* Functions over arrays in fl_real: same bits on every processor. */
#include "nn/act.h"

#include "base/fmath.h"
#include "kernel/isa.h"
#include "kernel/vmath.h"

int fl_act_shape(struct fl_layer *l, struct fl_err *e)
{
	(void)e;
	l->out = l->in;
	return 0;
}

#ifdef FL_REAL_DOUBLE
void fl_act_tanh(const double *x, double *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = fl_tanh(x[i]);
}

void fl_act_exp(const double *x, double *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = fl_exp(x[i]);
}

void fl_act_log(const double *x, double *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = fl_log(x[i]);
}

void fl_act_normal(const double *x, double *cdf, double *pdf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cdf[i] = .5 + .5 * fl_erf(x[i] * 0.70710678118654752440);
		pdf[i] = 0.39894228040143267794 * fl_exp(-.5 * x[i] * x[i]);
	}
}

void fl_act_softmax(const double *z, double *p, double *lse, size_t B, size_t C)
{
	for (size_t b = 0; b < B; b++, z += C, p += C) {
		double max = z[0], sum = 0;

		for (size_t c = 1; c < C; c++)
			max = z[c] > max ? z[c] : max;
		for (size_t c = 0; c < C; c++)
			sum += p[c] = fl_exp(z[c] - max);
		for (size_t c = 0; c < C; c++)
			p[c] /= sum;
		if (lse)
			lse[b] = max + fl_log(sum);
	}
}
#else
void fl_act_softmax(const float *z, float *p, float *lse, size_t B, size_t C)
{
	fl_softmax_rows(z, p, lse, B, C);
}

void fl_act_tanh(const float *x, float *y, size_t n)
{
	fl_vtanh(x, y, n);
}

void fl_act_exp(const float *x, float *y, size_t n)
{
	fl_vexp(x, y, n);
}

void fl_act_log(const float *x, float *y, size_t n)
{
	fl_vlog(x, y, n);
}

void fl_act_normal(const float *x, float *cdf, float *pdf, size_t n)
{
	fl_vnormal(x, cdf, pdf, n);
}
#endif

FL_BODY void negate_body(const fl_real *x, fl_real *y, size_t n)
{
#pragma GCC ivdep	/* y may be x */
	for (size_t i = 0; i < n; i++)
		y[i] = -x[i];
}

FL_BODY void logistic_body(fl_real *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = 1 / (1 + y[i]);
}

static void negate(const fl_real *x, fl_real *y, size_t n);
FL_ISA_FN(negate, (const fl_real *x, fl_real *y, size_t n), (x, y, n))

static void logistic(fl_real *y, size_t n);
FL_ISA_FN(logistic, (fl_real *y, size_t n), (y, n))

/* exp(-x) overflows to infinity for very negative x, whose result is then 0. */
void fl_act_sigmoid(const fl_real *x, fl_real *y, size_t n)
{
	negate(x, y, n);
	fl_act_exp(y, y, n);
	logistic(y, n);
}

/* max(x,0) + log(1+e), e = exp(-|x|). The logarithm of u = 1+e rounded lacks
 * (e - (u-1))/u, which is nearly all of it for small e. */
void fl_act_softplus(const fl_real *x, fl_real *y, size_t n)
{
	enum { BLOCK = 256 };
	fl_real e[BLOCK], u[BLOCK], l[BLOCK];

	for (size_t i0 = 0; i0 < n; i0 += BLOCK, x += BLOCK, y += BLOCK) {
		size_t m = n - i0 < BLOCK ? n - i0 : BLOCK;

		for (size_t i = 0; i < m; i++)
			e[i] = x[i] < 0 ? x[i] : -x[i];
		fl_act_exp(e, e, m);
		for (size_t i = 0; i < m; i++)
			u[i] = 1 + e[i];
		fl_act_log(u, l, m);
		for (size_t i = 0; i < m; i++)
			y[i] = (x[i] > 0 ? x[i] : 0) + (l[i] + (e[i] - (u[i] - 1)) / u[i]);
	}
}
