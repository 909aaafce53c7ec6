/* q-FedAvg: fair resource allocation.
 * Li et al., "Fair resource allocation in federated learning", ICLR 2020,
 * algorithm 2, with L Delta = -L u_k the client's change scaled to a gradient:
 *
 *   h_k = q F_k^(q-1) |L u_k|^2 + L F_k^q
 *   u   = sum_k L F_k^q u_k / sum_k h_k
 *
 * F_k is the mean training loss at the received model. The authors' code sums
 * over clients without weights; weight=examples multiplies both sums by n_k. */
#include <math.h>

#include "fed/agg/agg.h"
#include "fed/share.h"
#include "fed/agg/qffl.h"

struct params {
	double q, L;
	int weight;
};

static const struct fl_param table[] = {
	{ "q", FL_P_REAL, offsetof(struct params, q), "1", 0, 1000, NULL, "real",
	  "fairness; 0 is the mean" },
	{ "L", FL_P_REAL, offsetof(struct params, L), NULL, 1e-300, 1e300, NULL, "real",
	  "Lipschitz constant; unset: 1/fl.lr of each update" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "uniform", 0, 0,
	  fl_share_name, "kind",
	  "what an update counts: one, or its training examples" },
	{ 0 }
};

static int lipschitz(const struct params *p, const struct fl_update *u, double *L, struct fl_err *e)
{
	*L = p->L;
	if (!isnan(p->L))
		return 0;
	if (fl_update_check(u, FL_NEED_LR, "rule qfedavg without L", e))
		return -1;
	if (!(u->lr > 0))
		return fl_fail(e, FL_EDATA, "fl.lr is 0; rule qfedavg needs L then");
	*L = 1 / u->lr;
	return 0;
}

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	const struct fl_update *u = in->u;
	double n = fl_share_of(p->weight, u), L;

	if (lipschitz(p, u, &L, e))
		return -1;
	return fl_qffl_weigh(u, "rule qfedavg", p->q, L, L * u->norm, L, n, out, e);
}

const struct fl_rule fl_rule_qfedavg = {
	.e = {
		.name = "qfedavg",
		.title = "q-FedAvg",
		.cite = "Li et al., ICLR 2020, arXiv 1905.10497",
		.doc = "mean that favours clients with a high loss",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum_k L F_k^q u_k / sum_k (q F_k^(q-1) |L u_k|^2 + L F_k^q)",
		.note = "Sums without weights are those of the authors' code, where clients are drawn "
			"by their share of the examples; weight=examples multiplies both by n_k. F_k is "
			"at the received model, as in the paper.",
	},
	.fold = {
		.needs = FL_NEED_LOSS0 | FL_NEED_NORM,
		.share = FL_QFFL_SHARE,
		.fold = fold,
		.finish = fl_qffl_finish,
	},
};
