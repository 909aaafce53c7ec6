/* Multilayer perceptron: linear layers with relu between them, named as
 * torch.nn.Sequential numbers them (0, 2, 4, ...). */
#include "model/model.h"

struct mlp {
	int64_t in, out;
	struct fl_dims hidden;
};

static const struct fl_param params[] = {
	{ "in", FL_P_INT, offsetof(struct mlp, in), "784", 1, 1 << 24, NULL, "n",
	  "inputs" },
	{ "hidden", FL_P_DIMS, offsetof(struct mlp, hidden), "128+64", 1, 1 << 20, NULL, "n+n",
	  "sizes of the hidden layers, or none" },
	{ "out", FL_P_INT, offsetof(struct mlp, out), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct mlp *p = block;

	fl_str_addf(out, "{\"input\":[%lld],\"layers\":[", (long long)p->in);
	for (size_t i = 0; i < p->hidden.n; i++)
		fl_str_addf(out, "{\"layer\":\"linear\",\"out\":%lld},{\"layer\":\"relu\"},",
		            (long long)p->hidden.d[i]);
	fl_str_addf(out, "{\"layer\":\"linear\",\"out\":%lld}]}", (long long)p->out);
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_mlp = {
	.e = {
		.name = "mlp",
		.title = "MLP",
		.cite = "Rumelhart, Hinton and Williams, Nature 323, 1986",
		.doc = "multilayer perceptron with relu",
		.params = params,
		.psize = sizeof(struct mlp),
		.formula = "h_0 = x; h_i = relu(W_i h_i-1 + b_i); z = W_n h_n-1 + b_n",
	},
	.json = json,
};
