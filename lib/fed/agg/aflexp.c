/* Agnostic federated learning with exponentiated ascent on the clients' weights:
 *   l_k += gamma F_k;  u = sum n_k e^(l_k) u_k / sum n_k e^(l_k).
 * F_k is the loss at the received model, l_k is kept of each client and moves when
 * it takes part. Rule afl projects onto the simplex, as the paper does; both go up
 * the same objective, max over weights of sum weight_k F_k. This one needs a client's
 * own facts only, so that partial sums combine. */
#include <math.h>

#include "base/fmath.h"
#include "fed/agg/agg.h"

struct params {
	double gamma;
};

static const struct fl_param table[] = {
	{ "gamma", FL_P_REAL, offsetof(struct params, gamma), "0.1", 0, 1e6, NULL, "rate",
	  "rate of the weights' ascent" },
	{ 0 }
};

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	double l = (in->row ? in->row[0] : 0) + p->gamma * in->u->loss0;

	out->row[0] = l;
	out->w = (double)in->u->examples * fl_exp(l);
	out->s[0] = out->w;
	if (!isfinite(out->w))
		return fl_fail(e, FL_ENUM, "client %lld: weight e^%g is beyond a double; rule aflexp wants "
		               "a smaller gamma", (long long)in->u->client, l);
	return 0;
}

const struct fl_rule fl_rule_aflexp = {
	.e = {
		.name = "aflexp",
		.title = "AFL, exponentiated",
		.cite = "Mohri, Sivek and Suresh, ICML 2019, arXiv 1902.00146",
		.doc = "weights climb with the clients' losses, towards the worst mixture",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "l_k += gamma F_k; u = sum_k n_k e^(l_k) u_k / sum_k n_k e^(l_k)",
		.note = "The paper's objective by another ascent: it projects onto the simplex, as rule "
			"afl does. l_k moves when client k takes part. This one needs a client's own "
			"facts only, so that partial sums combine.",
	},
	.fold = {
		.mean = 1,
		.needs = FL_NEED_LOSS0,
		.nrow = 1,
		.fold = fold,
		.finish = fl_fold_mean,
	},
};
