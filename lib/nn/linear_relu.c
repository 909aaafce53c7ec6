/* A linear layer, of vectors or of each step, and its relu: outputs are rectified as they
 * are stored. */
#include "nn/fused.h"
#include "nn/linear.h"
#include "nn/relu.h"

static int match(const struct fl_layer *l)
{
	return (l[0].entry == &fl_layer_linear || l[0].entry == &fl_layer_steplinear) &&
	       l[1].entry == &fl_layer_relu;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	if (l[0].entry == &fl_layer_linear)
		fl_linear_relu(l, a);
	else
		fl_steplinear_relu(l, a);
}

const struct fl_fused fl_fused_linear_relu = {
	.e = { .name = "linear-relu", .doc = "a linear layer, rectified" },
	.layers = 2,
	.match = match,
	.forward = forward,
};
