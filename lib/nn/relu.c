/* Rectified linear unit; NaN passes, as in PyTorch. */
#include "kernel/isa.h"
#include "nn/relu.h"

static int shape(struct fl_layer *l, struct fl_err *e)
{
	(void)e;
	l->out = l->in;
	return 0;
}

FL_BODY void rectify_body(const fl_real *x, fl_real *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] < 0 ? 0 : x[i];
}

FL_BODY void mask_body(const fl_real *y, const fl_real *dy, fl_real *dx, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dx[i] = y[i] <= 0 ? 0 : dy[i];
}

static void rectify(const fl_real *x, fl_real *y, size_t n);
FL_ISA_FN(rectify, (const fl_real *x, fl_real *y, size_t n), (x, y, n))

static void mask(const fl_real *y, const fl_real *dy, fl_real *dx, size_t n);
FL_ISA_FN(mask, (const fl_real *y, const fl_real *dy, fl_real *dx, size_t n), (y, dy, dx, n))

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	rectify(a->x, a->y, a->B * fl_shape_count(&l->in));
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	if (a->dx)
		mask(a->y, a->dy, a->dx, a->B * fl_shape_count(&l->in));
}

const struct fl_layer_entry fl_layer_relu = {
	.e = {
		.name = "relu",
		.title = "ReLU",
		.cite = "Nair and Hinton, ICML 2010",
		.doc = "rectified linear unit",
		.formula = "y = max(x, 0)",
	},
	.units = FL_UNITS_KEPT,
	.elementwise = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
