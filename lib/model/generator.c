/* Generator of features by class, of noise and a one-hot class: an MLP of one hidden layer,
 * with batch normalisation as the code of FedGen has it, or without. */
#include "model/model.h"

struct params {
	int64_t noise, classes, hidden, out;
	int norm;
};

static const char *const norms[] = { "none", "batch", NULL };

static const struct fl_param table[] = {
	{ "noise", FL_P_INT, offsetof(struct params, noise), "32", 0, 1 << 20, NULL, "n",
	  "numbers of noise" },
	{ "classes", FL_P_INT, offsetof(struct params, classes), "10", 1, 1 << 20, NULL, "n", "classes" },
	{ "hidden", FL_P_INT, offsetof(struct params, hidden), "256", 1, 1 << 20, NULL, "n",
	  "size of the hidden layer" },
	{ "out", FL_P_INT, offsetof(struct params, out), "32", 1, 1 << 24, NULL, "n",
	  "features, as the models have them" },
	{ "norm", FL_P_ENUM, offsetof(struct params, norm), "none", 0, 0, norms, "kind",
	  "what stands before the relu" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct params *p = block;

	fl_str_addf(out, "{\"input\":[%lld],\"layers\":[{\"layer\":\"linear\",\"out\":%lld},%s"
	            "{\"layer\":\"relu\"},{\"layer\":\"linear\",\"out\":%lld}],\"loss\":\"mse\"}",
	            (long long)(p->noise + p->classes), (long long)p->hidden,
	            p->norm ? "{\"layer\":\"batchnorm\"}," : "", (long long)p->out);
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_generator = {
	.e = {
		.name = "generator",
		.title = "Generator of features",
		.cite = "Zhu, Hong and Zhou, ICML 2021, arXiv 2105.10056 (FedGen)",
		.doc = "noise and a class become a feature vector",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "g = W_2 relu(W_1 [noise, onehot(y)] + b_1) + b_2",
		.note = "FedGen's code has batch normalisation before the relu: norm=batch.",
	},
	.json = json,
};
