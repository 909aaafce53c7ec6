/* ResNet-8 with GroupNorm, for images of 32x32. */
#include "model/resnet.h"

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	static const int width[] = { 16, 32, 64 };

	return fl_resnet_json(block, width, 3, 1, out, e);
}

const struct fl_arch fl_arch_resnet8_gn = {
	.e = {
		.name = "resnet8-gn",
		.title = "ResNet-8 with GroupNorm",
		.cite = "He et al., CVPR 2016; GroupNorm: Hsieh et al., ICML 2020, arXiv 1910.00189",
		.doc = "3x32x32, stages of 16-32-64 channels, one block each",
		.params = fl_resnet_params,
		.psize = sizeof(struct fl_resnet),
		.formula = "h = relu(norm(conv h)); blocks h = relu(body(h) + shortcut(h)); z = W mean(h) + b",
	},
	.json = json,
};
