/* Any shape to a vector, in the order in which it lies: nothing to compute. */
#include "nn/layer.h"

static int shape(struct fl_layer *l, struct fl_err *e)
{
	(void)e;
	l->out = (struct fl_shape){ 1, { fl_shape_count(&l->in) } };
	return 0;
}

const struct fl_layer_entry fl_layer_flatten = {
	.e = {
		.name = "flatten",
		.title = "Flatten",
		.cite = "torch.nn.Flatten",
		.doc = "any shape to a vector, last dimension fastest",
	},
	.units = FL_UNITS_KEPT,
	.view = 1,
	.shape = shape,
};
