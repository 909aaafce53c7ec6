/* FedAdagrad: v only grows.
 * Reddi et al., "Adaptive federated optimization", ICLR 2021, algorithm 2. */
#include <math.h>

#include "fed/server/server.h"

struct params {
	double lr, beta1, tau, v0;
};

static const struct fl_param table[] = {
	{ "lr", FL_P_REAL, offsetof(struct params, lr), "0.1", 0, 1e6, NULL, "rate",
	  "server learning rate" },
	{ "beta1", FL_P_REAL, offsetof(struct params, beta1), "0", 0, 0.999999, NULL, "decay",
	  "of the first moment" },
	{ "tau", FL_P_REAL, offsetof(struct params, tau), "0.001", 1e-300, 1e6, NULL, "real",
	  "adaptivity: added to the root" },
	{ "v0", FL_P_REAL, offsetof(struct params, v0), NULL, 0, 1e12, NULL, "real",
	  "initial second moment; unset: tau^2" },
	{ 0 }
};

static int begin(const void *pp, struct fl_server_round *r, struct fl_err *e)
{
	const struct params *p = pp;

	(void)e;
	r->fill[1] = isnan(p->v0) ? p->tau * p->tau : p->v0;
	return 0;
}

static void apply(const void *pp, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	const struct params *p = pp;
	double *m = vec[0], *v = vec[1];
	size_t i;

	(void)r;
	for (i = 0; i < n; i++) {
		m[i] = p->beta1 * m[i] + (1 - p->beta1) * g[i];
		v[i] += g[i] * g[i];
		w[i] -= p->lr * m[i] / (sqrt(v[i]) + p->tau);
	}
}

const struct fl_server fl_server_fedadagrad = {
	.e = {
		.name = "fedadagrad",
		.title = "FedAdagrad",
		.cite = "Reddi et al., ICLR 2021, arXiv 2003.00295",
		.doc = "Adagrad on the pseudo-gradient",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "m = beta1 m + (1-beta1) g; v = v + g^2; w = w - lr m / (sqrt(v) + tau)",
	},
	.vec = { "m", "v" },
	.begin = begin,
	.apply = apply,
};
