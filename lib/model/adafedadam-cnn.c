/* The convolutional network of the AdaFedAdam experiments, with the tensor names
 * of its released code, so that a state_dict loads as it is. */
#include "model/model.h"

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	static const char pool[] = "{\"layer\":\"relu\"},{\"layer\":\"maxpool\"},";
	static const int width[] = { 64, 128, 256 };

	(void)block;
	fl_str_add(out, "{\"input\":[3,32,32],\"layers\":[");
	for (int i = 0; i < 3; i++)
		fl_str_addf(out, "{\"layer\":\"conv2d\",\"name\":\"conv%d\",\"out\":%d,\"padding\":1},%s",
		            i + 1, width[i], pool);
	fl_str_add(out, "{\"layer\":\"flatten\"},{\"layer\":\"linear\",\"name\":\"fc1\",\"out\":512},"
	           "{\"layer\":\"relu\"},{\"layer\":\"dropout\"},"
	           "{\"layer\":\"linear\",\"name\":\"fc2\",\"out\":10}]}");
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_adafedadam_cnn = {
	.e = {
		.name = "adafedadam-cnn",
		.title = "CNN of AdaFedAdam",
		.cite = "Ju et al., Accelerating fair federated learning, arXiv 2301.09357",
		.doc = "3x32x32, convolutions 64-128-256, 512-10",
		.formula = "h_i = maxpool2 relu(conv3x3 h_i-1); z = W_2 dropout(relu(W_1 h_3 + b_1)) + b_2",
	},
	.json = json,
};
