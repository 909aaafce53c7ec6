/* FedFix: whoever returned since the last step is added, late or not, and counts more the
 * longer it took, so that slow clients weigh over time what they would in FedAvg:
 *
 *   theta' = theta + sum_i d_i u_i,   d_i = ceil(tau_i / dt) p_i,   p_i = n_i / sum_all n
 *
 * with tau_i the time that client i needs and dt that between two steps of the server. An
 * update that was trained from the model of `age` rounds ago took age + 1 of them, which is
 * the estimate of ceil(tau_i / dt) that its record bears. Updates are differences to the model
 * that each client received (fl-aggregate --stale, --history). */
#include "fed/agg/agg.h"
#include "fed/share.h"

static const struct fl_param table[] = {
	FL_MEAN_PARAMS("what p_i is a share of: training examples, or clients",
	               "that of all clients, here or not; unset: of the weights of those here"),
	{ 0 }
};

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct fl_mean_params *p = pp;
	double age = (double)(in->round - in->u->round);

	(void)e;
	out->w = (age + 1) * (fl_share_of(p->weight, in->u));
	out->s[0] = out->w;
	return 0;
}

const struct fl_rule fl_rule_fedfix = {
	.e = {
		.name = "fedfix",
		.title = "FedFix",
		.cite = "Fraboni et al., JMLR 2023, arXiv 2206.10189",
		.doc = "mean in which late updates count more, as they come less often",
		.params = table,
		.psize = sizeof(struct fl_mean_params),
		.formula = "u = sum_k (age_k + 1) n_k u_k / sum of n over all clients",
		.note = "The paper's weight is ceil(tau_k/dt); age + 1, which the updates say, is that "
			"of a client whose time is constant and who begins again as soon as it is back.",
	},
	.fold = { .mean = 1, .fold = fold, .finish = fl_mean_finish },
};
