/* Server momentum.
 * Hsu et al., "Measuring the effects of non-identical data distribution for
 * federated visual classification", 2019: FedAvgM, v not scaled by 1 - beta. */
#include "fed/server/server.h"

struct params {
	double lr, beta;
};

static const struct fl_param table[] = {
	{ "lr", FL_P_REAL, offsetof(struct params, lr), "1", 0, 1e6, NULL, "rate",
	  "server learning rate" },
	{ "beta", FL_P_REAL, offsetof(struct params, beta), "0.9", 0, 1, NULL, "decay",
	  "what of the last step is kept" },
	{ 0 }
};

static void apply(const void *pp, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	const struct params *p = pp;
	double *v = vec[0];
	size_t i;

	(void)r;
	for (i = 0; i < n; i++) {
		v[i] = p->beta * v[i] + g[i];
		w[i] -= p->lr * v[i];
	}
}

const struct fl_server fl_server_momentum = {
	.e = {
		.name = "momentum",
		.title = "FedAvgM",
		.cite = "Hsu et al., 2019, arXiv 1909.06335",
		.doc = "heavy-ball momentum on the pseudo-gradient",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "v = beta v + g; w = w - lr v",
	},
	.vec = { "v" },
	.apply = apply,
};
