/* Proportional fairness: the mean of ln(M - F_k) is raised,
 *   u = sum n_k c_k u_k / sum n_k c_k,  c_k = 1 / max(M - F_k, eps),
 * F_k the loss at the received model. The paper has c in each local step, from the
 * batch's loss, which is method propfair; here it weighs whole updates, which is the same
 * for one step of all examples, up to the step's size. */
#include "fed/agg/agg.h"

struct params {
	double M, eps;
};

static const struct fl_param table[] = {
	{ "M", FL_P_REAL, offsetof(struct params, M), "5", -1e6, 1e6, NULL, "loss",
	  "the loss from which a client's utility is counted" },
	{ "eps", FL_P_REAL, offsetof(struct params, eps), "0.2", 1e-12, 1e6, NULL, "eps",
	  "least utility; below it the logarithm goes on as its tangent" },
	{ 0 }
};

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	double left = p->M - in->u->loss0;

	(void)e;
	out->w = (double)in->u->examples / (left > p->eps ? left : p->eps);
	out->s[0] = out->w;
	return 0;
}

const struct fl_rule fl_rule_propfair = {
	.e = {
		.name = "propfair",
		.title = "PropFair",
		.cite = "Zhang et al., 2022, arXiv 2202.01666",
		.doc = "mean weighted for proportional fairness of utilities M - F",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum_k n_k c_k u_k / sum_k n_k c_k, c_k = 1/max(M - F_k, eps)",
		.note = "The paper has c in the clients' steps, by each batch's loss, and the plain mean at "
			"the server: that is method propfair with rule mean. This weighs whole updates, "
			"the same for one step of all examples but for the step's size.",
	},
	.fold = {
		.mean = 1,
		.needs = FL_NEED_LOSS0,
		.fold = fold,
		.finish = fl_fold_mean,
	},
};
