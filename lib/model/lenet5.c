/* LeNet-5 as federated learning uses it: ReLU and max pooling. */
#include "model/model.h"

struct lenet5 {
	int64_t out;
};

static const struct fl_param params[] = {
	{ "out", FL_P_INT, offsetof(struct lenet5, out), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct lenet5 *p = block;

	fl_str_addf(out, "{\"input\":[1,28,28],\"layers\":["
	            "{\"layer\":\"conv2d\",\"name\":\"conv1\",\"out\":6,\"kernel\":5,\"padding\":2},"
	            "{\"layer\":\"relu\"},{\"layer\":\"maxpool\"},"
	            "{\"layer\":\"conv2d\",\"name\":\"conv2\",\"out\":16,\"kernel\":5},"
	            "{\"layer\":\"relu\"},{\"layer\":\"maxpool\"},{\"layer\":\"flatten\"},"
	            "{\"layer\":\"linear\",\"name\":\"fc1\",\"out\":120},{\"layer\":\"relu\"},"
	            "{\"layer\":\"linear\",\"name\":\"fc2\",\"out\":84},{\"layer\":\"relu\"},"
	            "{\"layer\":\"linear\",\"name\":\"fc3\",\"out\":%lld}]}", (long long)p->out);
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_lenet5 = {
	.e = {
		.name = "lenet5",
		.title = "LeNet-5",
		.cite = "LeCun et al., Proceedings of the IEEE 86, 1998",
		.doc = "1x28x28, 5x5 convolutions 6-16, 120-84-10, relu and max pooling",
		.params = params,
		.psize = sizeof(struct lenet5),
		.formula = "h_i = maxpool2 relu(conv5x5 h_i-1); z = mlp_120,84(h_2)",
	},
	.json = json,
};
