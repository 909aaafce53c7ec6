/* q-FedSGD: fair resource allocation, one gradient a client.
 * Li et al., "Fair resource allocation in federated learning", ICLR 2020,
 * algorithm 1:
 *
 *   h_k = q F_k^(q-1) |g_k|^2 + L F_k^q
 *   u   = -sum_k F_k^q g_k / sum_k h_k
 *
 * F_k and g_k are the loss at the received model and its gradient: an update of one
 * step of plain SGD is u_k = -lr g_k. Unlike rule qfedavg's, L is free of the rate. The
 * authors' static step takes L for every h_k; their sums have no weights. */
#include <math.h>

#include "fed/agg/agg.h"
#include "fed/share.h"
#include "fed/agg/qffl.h"

struct params {
	double q, L;
	int fixed, weight;
};

static const struct fl_param table[] = {
	{ "q", FL_P_REAL, offsetof(struct params, q), "1", 0, 1000, NULL, "real",
	  "fairness; 0 is the mean" },
	{ "L", FL_P_REAL, offsetof(struct params, L), NULL, 1e-300, 1e300, NULL, "real",
	  "Lipschitz constant; unset: 1/fl.lr of each update" },
	{ "static", FL_P_BOOL, offsetof(struct params, fixed), "off", 0, 0, NULL, NULL,
	  "h_k is L: the step does not adapt" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "uniform", 0, 0,
	  fl_share_name, "kind",
	  "what an update counts: one, or its training examples" },
	{ 0 }
};

/* That the update is lr times one gradient. */
static int check_step(const struct fl_update *u, struct fl_err *e)
{
	if (u->steps != 1)
		return fl_fail(e, FL_EDATA, "fl.steps is %lld; rule qfedsgd wants one step, of the "
		               "whole local set", (long long)u->steps);
	if (fl_how_sum(&u->how, u->lr, 1) > 1)
		return fl_fail(e, FL_EDATA, "fl.opt has Nesterov's momentum; rule qfedsgd wants the "
		               "plain gradient");
	if (!(u->lr > 0))
		return fl_fail(e, FL_EDATA, "fl.lr is 0; rule qfedsgd divides by it");
	return 0;
}

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	const struct fl_update *u = in->u;
	double n = fl_share_of(p->weight, u);
	double L = isnan(p->L) ? 1 / u->lr : p->L;

	if (check_step(u, e) ||
	    fl_qffl_weigh(u, "rule qfedsgd", p->q, L, u->norm / u->lr, 1 / u->lr, n, out, e))
		return -1;
	if (p->fixed)
		out->s[0] = n * L;
	return 0;
}

const struct fl_rule fl_rule_qfedsgd = {
	.e = {
		.name = "qfedsgd",
		.title = "q-FedSGD",
		.cite = "Li et al., ICLR 2020, arXiv 1905.10497",
		.doc = "gradients of one step, weighed by the loss",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = -sum_k F_k^q g_k / sum_k (q F_k^(q-1) |g_k|^2 + L F_k^q), "
			   "g_k = -u_k/lr",
	},
	.fold = {
		.needs = FL_NEED_LOSS0 | FL_NEED_NORM | FL_NEED_STEPS | FL_NEED_LR | FL_NEED_HOW,
		.share = FL_QFFL_SHARE,
		.fold = fold,
		.finish = fl_qffl_finish,
	},
};
