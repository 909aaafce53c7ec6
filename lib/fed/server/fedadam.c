/* FedAdam.
 * Reddi et al., "Adaptive federated optimization", ICLR 2021, algorithm 2. */
#include "fed/server/adaptive.h"

static void apply(const void *pp, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	const struct fl_adaptive *p = pp;
	double *m = vec[0], *v = vec[1];
	size_t i;

	for (i = 0; i < n; i++) {
		m[i] = p->beta1 * m[i] + (1 - p->beta1) * g[i];
		v[i] = p->beta2 * v[i] + (1 - p->beta2) * (g[i] * g[i]);
	}
	fl_adaptive_move(p, r, m, v, w, n);
}

const struct fl_server fl_server_fedadam = {
	.e = {
		.name = "fedadam",
		.title = "FedAdam",
		.cite = "Reddi et al., ICLR 2021, arXiv 2003.00295",
		.doc = "Adam on the pseudo-gradient",
		.params = fl_adaptive_params,
		.psize = sizeof(struct fl_adaptive),
		.formula = "m = beta1 m + (1-beta1) g; v = beta2 v + (1-beta2) g^2; "
			   "w = w - lr m / (sqrt(v) + tau)",
	},
	.vec = { "m", "v" },
	.scalar = FL_ADAPTIVE_SCALARS,
	.begin = fl_adaptive_begin,
	.apply = apply,
};
