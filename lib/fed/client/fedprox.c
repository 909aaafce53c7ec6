/* FedProx: F_k(w) + mu/2 |w - w0|^2, w0 the received model. */
#include "fed/client/client.h"

struct fedprox {
	double mu;
};

static const struct fl_param params[] = {
	{ "mu", FL_P_REAL, offsetof(struct fedprox, mu), "0.01", 0, 1e6, NULL, "mu",
	  "weight of the proximal term" },
	{ 0 }
};

static double pull(const void *p)
{
	return ((const struct fedprox *)p)->mu;
}

const struct fl_method fl_method_fedprox = {
	.e = {
		.name = "fedprox",
		.title = "FedProx",
		.cite = "Li et al., MLSys 2020, arXiv 1812.06127",
		.doc = "a proximal term holds the weights near the received model",
		.params = params,
		.psize = sizeof(struct fedprox),
		.formula = "w -= lr (grad F_k(w) + mu (w - w0))",
	},
	.pull = pull,
};
