/* Products: the body's outputs times the shortcut's, or times the block's input, number by
 * number; a body of one output scales all. The nested layers are the net's own; this joins
 * their ends. */
#include <string.h>

#include "nn/lanes.h"
#include "nn/layer.h"

static int is_by_number(const struct fl_layer *l)
{
	return fl_shape_count(&l->in) == 1;
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	char one[128], two[128];

	l->out = l->in2;
	if (fl_shape_count(&l->in) == 1 || (l->in.ndim == l->in2.ndim &&
	                                    !memcmp(l->in.d, l->in2.d, l->in.ndim * sizeof *l->in.d)))
		return 0;
	return fl_fail(e, FL_EUSAGE, "the body brings %s, must bring one number, or %s as the shortcut",
	               fl_shape_str(&l->in, one, sizeof one), fl_shape_str(&l->in2, two, sizeof two));
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->out);
	int one = is_by_number(l);

	for (size_t b = 0; b < a->B; b++)
		for (size_t i = b * n; i < (b + 1) * n; i++)
			a->y[i] = a->x[one ? b : i] * a->x2[i];
}

static void back_by_number(const struct fl_layer *l, const struct fl_pass *a)
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

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = a->B * fl_shape_count(&l->out);

	if (is_by_number(l)) {
		back_by_number(l, a);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (a->dx2)
			a->dx2[i] = a->x[i] * a->dy[i];
		if (a->dx)
			a->dx[i] = a->dy[i] * a->x2[i];
	}
}

const struct fl_layer_entry fl_layer_product = {
	.e = {
		.name = "product",
		.title = "Product",
		.cite = "torch.mul",
		.doc = "lists of layers, body and shortcut, whose outputs are multiplied",
		.formula = "y = body(x) shortcut(x), or body(x) x; a body of one number scales all",
	},
	.block = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
