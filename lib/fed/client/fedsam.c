/* FedSAM: each step takes the gradient where the loss of its batch is worst nearby.
 *   w -= lr grad F_k(w + rho g/|g|),  g = grad F_k(w), both of the same batch. */
#include "fed/client/client.h"

struct fedsam {
	double rho;
};

static const struct fl_param params[] = {
	{ "rho", FL_P_REAL, offsetof(struct fedsam, rho), "0.05", 0, 1e6, NULL, "rho",
	  "how far uphill the gradient is taken" },
	{ 0 }
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	return (l->priv = fl_local_vec(l, e)) ? 0 : -1;
}

static double batch(struct fl_local *l, const fl_real *w, fl_real *g)
{
	const struct fedsam *p = l->p;
	double loss = fl_local_ascent(l, p->rho, w, l->priv, g);

	fl_local_gradient(l, l->priv, g);
	return loss;
}

const struct fl_method fl_method_fedsam = {
	.e = {
		.name = "fedsam",
		.title = "FedSAM",
		.cite = "Qu et al., ICML 2022, arXiv 2206.02618; Foret et al., ICLR 2021",
		.doc = "sharpness-aware local steps",
		.params = params,
		.psize = sizeof(struct fedsam),
		.formula = "w -= lr grad F_k(w + rho g/|g|), g = grad F_k(w)",
	},
	.begin = begin,
	.on.batch = batch,
};
