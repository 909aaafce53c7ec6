/* FedTGP's prototypes at the server: a table of classes, and two linear layers over it. */
#include "model/model.h"

struct params {
	int64_t classes, dim;
};

static const struct fl_param table[] = {
	{ "classes", FL_P_INT, offsetof(struct params, classes), "10", 1, 1 << 20, NULL, "n", "classes" },
	{ "dim", FL_P_INT, offsetof(struct params, dim), "512", 1, 1 << 16, NULL, "n",
	  "numbers of a prototype: the clients' features" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct params *p = block;
	long long d = (long long)p->dim;

	fl_str_addf(out, "{\"input\":[1],\"layers\":[{\"layer\":\"embedding\",\"num\":%lld,\"dim\":%lld},"
	            "{\"layer\":\"flatten\"},{\"layer\":\"linear\",\"out\":%lld},{\"layer\":\"relu\"},"
	            "{\"layer\":\"linear\",\"out\":%lld}],\"loss\":\"mse\"}", (long long)p->classes, d, d, d);
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_fedtgp = {
	.e = {
		.name = "fedtgp",
		.title = "Trainable prototypes",
		.cite = "Zhang et al., AAAI 2024, arXiv 2401.03230 (FedTGP)",
		.doc = "a class becomes its prototype",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "g_c = W_2 relu(W_1 E_c + b_1) + b_2",
	},
	.json = json,
};
