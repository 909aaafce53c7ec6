/* Residual block: the body's output plus the shortcut's, or plus the block's
 * input where there is no shortcut. The nested layers are the net's own; this
 * is the sum at the block's end. */
#include <string.h>

#include "nn/layer.h"

static int shape(struct fl_layer *l, struct fl_err *e)
{
	char a[128], b[128];
	int same = l->in.ndim == l->in2.ndim;

	for (unsigned i = 0; same && i < l->in.ndim; i++)
		same = l->in.d[i] == l->in2.d[i];
	if (!same)
		return fl_fail(e, FL_EUSAGE, "the body brings %s, the shortcut %s",
		               fl_shape_str(&l->in, a, sizeof a), fl_shape_str(&l->in2, b, sizeof b));
	l->out = l->in;
	return 0;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = a->B * fl_shape_count(&l->in);

	for (size_t i = 0; i < n; i++)
		a->y[i] = a->x[i] + a->x2[i];
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t bytes = a->B * fl_shape_count(&l->in) * sizeof *a->dy;

	if (a->dx2)
		memcpy(a->dx2, a->dy, bytes);
	if (a->dx && a->dx != a->dy)
		memcpy(a->dx, a->dy, bytes);
}

const struct fl_layer_entry fl_layer_residual = {
	.e = {
		.name = "residual",
		.title = "Residual block",
		.cite = "He et al., CVPR 2016, arXiv 1512.03385",
		.doc = "lists of layers, body and shortcut, whose outputs are added",
		.formula = "y = body(x) + shortcut(x), or body(x) + x",
	},
	.units = FL_UNITS_ADDED,
	.elementwise = 1,
	.block = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
