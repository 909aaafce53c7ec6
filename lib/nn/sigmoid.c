/* Logistic function. */
#include "nn/act.h"

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_act_sigmoid(a->x, a->y, a->B * fl_shape_count(&l->in));
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = a->B * fl_shape_count(&l->in);

	for (size_t i = 0; a->dx && i < n; i++)
		a->dx[i] = a->dy[i] * (a->y[i] * (1 - a->y[i]));
}

const struct fl_layer_entry fl_layer_sigmoid = {
	.e = {
		.name = "sigmoid",
		.title = "Sigmoid",
		.cite = "torch.nn.Sigmoid",
		.doc = "logistic function",
		.formula = "y = 1 / (1 + exp(-x))",
	},
	.units = FL_UNITS_KEPT,
	.elementwise = 1,
	.shape = fl_act_shape,
	.forward = forward,
	.backward = backward,
};
