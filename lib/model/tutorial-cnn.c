/* The network of PyTorch's CIFAR-10 tutorial, with its tensor names. */
#include "model/model.h"

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	(void)block;
	fl_str_add(out, "{\"input\":[3,32,32],\"layers\":["
	           "{\"layer\":\"conv2d\",\"name\":\"conv1\",\"out\":6,\"kernel\":5},"
	           "{\"layer\":\"relu\"},{\"layer\":\"maxpool\"},"
	           "{\"layer\":\"conv2d\",\"name\":\"conv2\",\"out\":16,\"kernel\":5},"
	           "{\"layer\":\"relu\"},{\"layer\":\"maxpool\"},{\"layer\":\"flatten\"},"
	           "{\"layer\":\"linear\",\"name\":\"fc1\",\"out\":120},{\"layer\":\"relu\"},"
	           "{\"layer\":\"linear\",\"name\":\"fc2\",\"out\":84},{\"layer\":\"relu\"},"
	           "{\"layer\":\"linear\",\"name\":\"fc3\",\"out\":10}]}");
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_tutorial_cnn = {
	.e = {
		.name = "tutorial-cnn",
		.title = "CNN of the PyTorch tutorial",
		.cite = "PyTorch, Training a classifier, beginner tutorial",
		.doc = "3x32x32, 5x5 convolutions 6-16, 120-84-10",
		.formula = "h_i = maxpool2 relu(conv5x5 h_i-1); z = mlp_120,84(h_2)",
	},
	.json = json,
};
