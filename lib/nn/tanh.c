/* Hyperbolic tangent. */
#include "nn/act.h"

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_act_tanh(a->x, a->y, a->B * fl_shape_count(&l->in));
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = a->B * fl_shape_count(&l->in);

	for (size_t i = 0; a->dx && i < n; i++)
		a->dx[i] = a->dy[i] * (1 - a->y[i] * a->y[i]);
}

const struct fl_layer_entry fl_layer_tanh = {
	.e = {
		.name = "tanh",
		.title = "Tanh",
		.cite = "torch.nn.Tanh",
		.doc = "hyperbolic tangent",
		.formula = "y = tanh(x)",
	},
	.units = FL_UNITS_KEPT,
	.elementwise = 1,
	.shape = fl_act_shape,
	.forward = forward,
	.backward = backward,
};
