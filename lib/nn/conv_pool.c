/* A convolution, its relu and the max-pooling of 2x2 after it: a quarter of the outputs, and
 * of their gradients, is stored. Only the biases' gradients are sums of another order than
 * those of the layers one by one: of the pooled gradient that goes anywhere. */
#include "nn/conv2d.h"
#include "nn/fused.h"
#include "nn/quads.h"
#include "nn/relu.h"

static int match(const struct fl_layer *l)
{
	return l[0].entry->conv && l[1].entry == &fl_layer_relu && fl_quads_pools(&l[2]);
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	return l[0].entry->conv->scratch(l, a->B, FL_CONV2D_POOL);
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	l[0].entry->conv->forward(l, a, FL_CONV2D_POOL);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	l[0].entry->conv->backward(l, a, FL_CONV2D_POOL);
}

const struct fl_fused fl_fused_conv_pool = {
	.e = { .name = "conv-pool", .doc = "a convolution, rectified and pooled by 2x2" },
	.layers = 3,
	.match = match,
	.scratch = scratch,
	.forward = forward,
	.backward = backward,
};
