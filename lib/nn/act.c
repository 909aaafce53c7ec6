/* Functions over arrays in fl_real: same bits on every processor. */
#include "nn/act.h"

#include "base/fmath.h"
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

static void exponential(const double *x, double *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = fl_exp(x[i]);
}
#else
void fl_act_tanh(const float *x, float *y, size_t n)
{
	fl_vtanh(x, y, n);
}

static void exponential(const float *x, float *y, size_t n)
{
	fl_vexp(x, y, n);
}
#endif

/* exp(-x) overflows to infinity for very negative x, whose result is then 0. */
void fl_act_sigmoid(const fl_real *x, fl_real *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = -x[i];
	exponential(y, y, n);
	for (size_t i = 0; i < n; i++)
		y[i] = 1 / (1 + y[i]);
}
