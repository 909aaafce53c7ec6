/* Recall proper: how many of the positives are among the first k? Not the field's R@K,
 * which is hit@k. */
#include "metric/topk.h"

static double query(const void *p, const uint32_t *place, size_t R)
{
	size_t k = (size_t)((const struct fl_topk *)p)->k;

	return (double)fl_topk_found(place, R, k) / (double)R;
}

const struct fl_rmetric fl_rmetric_recall = {
	.e = {
		.name = "recall",
		.title = "Recall",
		.cite = "fl-metrics(5)",
		.doc = "share of a query's positives among the first k",
		.params = fl_topk_params,
		.psize = sizeof(struct fl_topk),
		.formula = "(1/Q) sum_q |first k and P_q| / R_q",
	},
	.higher_is_better = 1,
	.query = query,
	.depth = fl_topk_depth,
};
