/* Proportional fairness: a step lowers -ln(M - loss) of its batch, so that the mean over
 * clients raises the product of their utilities M - F_k.
 *   g = c grad loss,  c = 1/(M - loss);
 * where M - loss is below eps, c is 1/eps, the logarithm's tangent there, or 1/M, as in
 * the authors' code unless it is told otherwise. Weight decay is not scaled. The server
 * takes the mean by examples; rule propfair weighs whole updates instead. */
#include "fed/client/client.h"

enum low { TANGENT, CONSTANT };

struct propfair {
	double M, eps;
	int low;
};

static const char *const lows[] = { "tangent", "constant", NULL };

static const struct fl_param params[] = {
	{ "M", FL_P_REAL, offsetof(struct propfair, M), "5", -1e6, 1e6, NULL, "loss",
	  "the loss from which a batch's utility is counted" },
	{ "eps", FL_P_REAL, offsetof(struct propfair, eps), "0.2", 1e-12, 1e6, NULL, "eps",
	  "least utility of which the logarithm is taken" },
	{ "low", FL_P_ENUM, offsetof(struct propfair, low), "tangent", 0, 0, lows, "how",
	  "below eps, the gradient counts 1/eps, or 1/M" },
	{ 0 }
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct propfair *p = l->p;

	return p->low == CONSTANT && !(p->M > 0) ?
	       fl_fail(e, FL_EUSAGE, "propfair: low=constant wants M above 0") : 0;
}

static double batch(struct fl_local *l, const fl_real *w, fl_real *g)
{
	const struct propfair *p = l->p;
	double loss = fl_local_gradient(l, w, g), left = p->M - loss;
	double c = 1 / (left >= p->eps ? left : p->low == TANGENT ? p->eps : p->M);

	for (size_t i = 0; i < l->net->P; i++)
		g[i] *= (fl_real)c;
	return loss;
}

const struct fl_method fl_method_propfair = {
	.e = {
		.name = "propfair",
		.title = "PropFair",
		.cite = "Zhang et al., 2022, arXiv 2202.01666",
		.doc = "each step lowers -ln(M - loss) of its batch; server mean",
		.params = params,
		.psize = sizeof(struct propfair),
		.formula = "g = grad loss / (M - loss); / eps or / M where M - loss < eps",
		.note = "The paper's algorithm, with rule mean. Below eps the paper goes on with the "
			"tangent; its code has low=constant unless its option huber is set.",
	},
	.begin = begin,
	.on.batch = batch,
};
