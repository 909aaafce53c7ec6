/* The convolutional network of the FedAvg paper's MNIST experiments. */
#include "model/model.h"

struct fedavg_cnn {
	int64_t out;
};

static const struct fl_param params[] = {
	{ "out", FL_P_INT, offsetof(struct fedavg_cnn, out), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct fedavg_cnn *p = block;

	fl_str_add(out, "{\"input\":[1,28,28],\"layers\":[");
	for (int i = 1; i <= 2; i++)
		fl_str_addf(out, "{\"layer\":\"conv2d\",\"name\":\"conv%d\",\"out\":%d,\"kernel\":5,"
		            "\"padding\":2},{\"layer\":\"relu\"},{\"layer\":\"maxpool\"},", i, 32 * i);
	fl_str_addf(out, "{\"layer\":\"flatten\"},{\"layer\":\"linear\",\"name\":\"fc1\",\"out\":512},"
	            "{\"layer\":\"relu\"},{\"layer\":\"linear\",\"name\":\"fc2\",\"out\":%lld}]}",
	            (long long)p->out);
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_fedavg_cnn = {
	.e = {
		.name = "fedavg-cnn",
		.title = "CNN of FedAvg",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629",
		.doc = "1x28x28, 5x5 convolutions 32-64, 512-10",
		.params = params,
		.psize = sizeof(struct fedavg_cnn),
		.formula = "h_i = maxpool2 relu(conv5x5 h_i-1); z = W_2 relu(W_1 h_2 + b_1) + b_2",
	},
	.json = json,
};
