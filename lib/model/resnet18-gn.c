/* ResNet-18 with GroupNorm, for images of 32x32. */
#include "model/resnet.h"

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	static const int width[] = { 64, 128, 256, 512 };

	return fl_resnet_json(block, width, 4, 2, out, e);
}

const struct fl_arch fl_arch_resnet18_gn = {
	.e = {
		.name = "resnet18-gn",
		.title = "ResNet-18 with GroupNorm",
		.cite = "He et al., CVPR 2016; GroupNorm: Hsieh et al., ICML 2020, arXiv 1910.00189",
		.doc = "3x32x32, stages of 64-128-256-512 channels, two blocks each",
		.params = fl_resnet_params,
		.psize = sizeof(struct fl_resnet),
		.formula = "h = relu(norm(conv h)); blocks h = relu(body(h) + shortcut(h)); z = W mean(h) + b",
	},
	.json = json,
};
