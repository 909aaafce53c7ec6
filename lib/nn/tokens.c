/* Planes to a sequence: (C,H,W) -> (H*W,C), a step for each place. With a
 * convolution before it whose stride is its kernel, the patches of an image. */
#include "nn/layer.h"

static int shape(struct fl_layer *l, struct fl_err *e)
{
	char buf[128];

	if (l->in.ndim != 3)
		return fl_fail(e, FL_EUSAGE, "input is %s, not channels x rows x columns",
		               fl_shape_str(&l->in, buf, sizeof buf));
	l->out = (struct fl_shape){ 2, { l->in.d[1] * l->in.d[2], l->in.d[0] } };
	return 0;
}

/* y(m,n) of x(n,m), B times. */
static void transpose(const fl_real *x, fl_real *y, size_t B, size_t n, size_t m)
{
	for (size_t b = 0; b < B; b++, x += n * m, y += n * m)
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < m; j++)
				y[j * n + i] = x[i * m + j];
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	transpose(a->x, a->y, a->B, l->out.d[1], l->out.d[0]);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	if (a->dx)
		transpose(a->dy, a->dx, a->B, l->out.d[0], l->out.d[1]);
}

const struct fl_layer_entry fl_layer_tokens = {
	.e = {
		.name = "tokens",
		.title = "Tokens",
		.cite = "Dosovitskiy et al., ICLR 2021, arXiv 2010.11929",
		.doc = "planes to a sequence with a step for each place",
		.formula = "y_(h,w),c = x_c,h,w",
	},
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
