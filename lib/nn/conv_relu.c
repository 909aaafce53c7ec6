/* A convolution and its relu: outputs are rectified as they are stored. */
#include "nn/conv2d.h"
#include "nn/fused.h"
#include "nn/relu.h"

static int match(const struct fl_layer *l)
{
	return l[0].entry->conv && l[1].entry == &fl_layer_relu;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	l[0].entry->conv->forward(l, a, FL_CONV2D_RELU);
}

const struct fl_fused fl_fused_conv_relu = {
	.e = { .name = "conv-relu", .doc = "a convolution, rectified" },
	.layers = 2,
	.match = match,
	.forward = forward,
};
