/* A vector scaled by a number: the body's one output times the shortcut's, or times
 * the block's input. The nested layers are the net's own; this joins their ends. */
#include "nn/lanes.h"
#include "nn/layer.h"

static int shape(struct fl_layer *l, struct fl_err *e)
{
	char buf[128];

	if (fl_shape_count(&l->in) != 1)
		return fl_fail(e, FL_EUSAGE, "the body brings %s, must bring one number",
		               fl_shape_str(&l->in, buf, sizeof buf));
	l->out = l->in2;
	return 0;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a, int relu)
{
	size_t n = fl_shape_count(&l->out);

	(void)relu;
	for (size_t b = 0; b < a->B; b++)
		for (size_t i = b * n; i < (b + 1) * n; i++)
			a->y[i] = a->x[b] * a->x2[i];
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->out);

	for (size_t b = 0; b < a->B; b++) {
		const fl_real *dy = a->dy + b * n, *x2 = a->x2 + b * n;
		struct fl_lanes s = { { 0 } };

		FL_LANES_ADD(&s, n, i, (double)dy[i] * (double)x2[i]);
		for (size_t i = 0; a->dx2 && i < n; i++)
			a->dx2[b * n + i] = a->x[b] * dy[i];
		if (a->dx)
			a->dx[b] = (fl_real)fl_lanes_total(&s);
	}
}

const struct fl_layer_entry fl_layer_product = {
	.e = {
		.name = "product",
		.title = "Product",
		.cite = "torch.mul",
		.doc = "lists of layers, body and shortcut: a number of the one times the other",
		.formula = "y = body(x) shortcut(x), or body(x) x",
	},
	.block = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
