/* Softplus: a smooth relu, for what must be positive. */
#include "nn/act.h"

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_act_softplus(a->x, a->y, a->B * fl_shape_count(&l->in));
}

/* dx = dy sigmoid(x). */
static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = a->B * fl_shape_count(&l->in);

	if (!a->dx)
		return;
	fl_act_sigmoid(a->x, a->dx, n);
	for (size_t i = 0; i < n; i++)
		a->dx[i] *= a->dy[i];
}

const struct fl_layer_entry fl_layer_softplus = {
	.e = {
		.name = "softplus",
		.title = "Softplus",
		.cite = "torch.nn.Softplus",
		.doc = "smooth rectified linear unit, above 0",
		.formula = "y = log(1 + exp(x))",
	},
	.units = FL_UNITS_KEPT,
	.shape = fl_act_shape,
	.forward = forward,
	.backward = backward,
};
