/* Two towers: the body's output and the shortcut's side by side, or the body's and
 * the block's input. The nested layers are the net's own; this joins their ends. */
#include <string.h>

#include "nn/layer.h"

static int shape(struct fl_layer *l, struct fl_err *e)
{
	(void)e;
	l->out = (struct fl_shape){ 1, { fl_shape_count(&l->in) + fl_shape_count(&l->in2) } };
	return 0;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in), m = fl_shape_count(&l->in2);

	for (size_t b = 0; b < a->B; b++) {
		memcpy(a->y + b * (n + m), a->x + b * n, n * sizeof *a->y);
		memcpy(a->y + b * (n + m) + n, a->x2 + b * m, m * sizeof *a->y);
	}
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in), m = fl_shape_count(&l->in2);

	for (size_t b = 0; b < a->B; b++) {
		if (a->dx)
			memcpy(a->dx + b * n, a->dy + b * (n + m), n * sizeof *a->dx);
		if (a->dx2)
			memcpy(a->dx2 + b * m, a->dy + b * (n + m) + n, m * sizeof *a->dx2);
	}
}

const struct fl_layer_entry fl_layer_concat = {
	.e = {
		.name = "concat",
		.title = "Two towers",
		.cite = "torch.cat",
		.doc = "lists of layers, body and shortcut, whose outputs stand side by side",
		.formula = "y = (body(x), shortcut(x)), or (body(x), x)",
	},
	.units = FL_UNITS_BESIDE,
	.block = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
