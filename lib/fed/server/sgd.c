/* Plain gradient descent on the pseudo-gradient; lr 1 is FedAvg. */
#include "fed/server/server.h"
#include "kernel/isa.h"

struct params {
	double lr;
};

static const struct fl_param table[] = {
	{ "lr", FL_P_REAL, offsetof(struct params, lr), "1", 0, 1e6, NULL, "rate",
	  "server learning rate" },
	{ 0 }
};

FL_BODY void descend_body(double lr, const double *restrict g, double *restrict w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		w[i] -= lr * g[i];
}

static void descend(double lr, const double *restrict g, double *restrict w, size_t n);
FL_ISA_FN(descend, (double lr, const double *restrict g, double *restrict w, size_t n), (lr, g, w, n))

static void apply(const void *pp, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	(void)r;
	(void)vec;
	descend(((const struct params *)pp)->lr, g, w, n);
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
