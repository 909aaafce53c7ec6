/* Plain gradient descent on the pseudo-gradient; lr 1 is FedAvg. */
#include "fed/server/server.h"

struct params {
	double lr;
};

static const struct fl_param table[] = {
	{ "lr", FL_P_REAL, offsetof(struct params, lr), "1", 0, 1e6, NULL, "rate",
	  "server learning rate" },
	{ 0 }
};

static void apply(const void *pp, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	const struct params *p = pp;
	size_t i;

	(void)r;
	(void)vec;
	for (i = 0; i < n; i++)
		w[i] -= p->lr * g[i];
}

const struct fl_server fl_server_sgd = {
	.e = {
		.name = "sgd",
		.title = "server SGD",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629",
		.doc = "adds the combined update times lr",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "w = w - lr g",
	},
	.apply = apply,
};
