/* Weighted mean of updates: FedAvg's aggregation.
 * McMahan et al., "Communication-efficient learning of deep networks from
 * decentralized data", AISTATS 2017: u = sum n_k u_k / sum n_k. */
#include "fed/agg/agg.h"
#include "fed/share.h"

static const struct fl_param table[] = {
	FL_MEAN_PARAMS("what an update counts: its training examples, or one",
	               "fixed number in place of the sum of weights"),
	{ 0 }
};

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct fl_mean_params *p = pp;

	(void)e;
	out->w = fl_share_of(p->weight, in->u);
	out->s[0] = out->w;
	return 0;
}

const struct fl_rule fl_rule_mean = {
	.e = {
		.name = "mean",
		.aka = "fedavg",
		.title = "FedAvg",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629",
		.doc = "weighted mean of the updates",
		.params = table,
		.psize = sizeof(struct fl_mean_params),
		.formula = "u = sum_k n_k u_k / sum_k n_k",
	},
	.fold = { .mean = 1, .fold = fold, .finish = fl_mean_finish },
};
