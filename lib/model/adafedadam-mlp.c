/* The perceptron of the AdaFedAdam experiments, with the tensor names of its
 * released code, so that a state_dict loads as it is. */
#include "model/model.h"

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	(void)block;
	fl_str_add(out, "{\"input\":[784],\"layers\":["
	           "{\"layer\":\"linear\",\"name\":\"encoder.0\",\"out\":128},{\"layer\":\"relu\"},"
	           "{\"layer\":\"linear\",\"name\":\"encoder.2\",\"out\":64},{\"layer\":\"relu\"},"
	           "{\"layer\":\"linear\",\"name\":\"classifier\",\"out\":10}]}");
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_adafedadam_mlp = {
	.e = {
		.name = "adafedadam-mlp",
		.title = "MLP of AdaFedAdam",
		.cite = "Ju et al., Accelerating fair federated learning, arXiv 2301.09357",
		.doc = "784-128-64-10 with the tensor names of AdaFedAdam's code",
		.formula = "z = W_3 relu(W_2 relu(W_1 x + b_1) + b_2) + b_3",
	},
	.json = json,
};
