/* Hit rate, the R@K of cross-modal retrieval: is any positive among the first k? */
#include "metric/topk.h"

static double query(const void *p, const uint32_t *place, size_t R)
{
	(void)R;
	return place[0] < (size_t)((const struct fl_topk *)p)->k;
}

const struct fl_rmetric fl_rmetric_hit = {
	.e = {
		.name = "hit",
		.title = "Hit rate (R@K)",
		.cite = "fl-metrics(5)",
		.doc = "share of queries with a positive among the first k",
		.params = fl_topk_params,
		.psize = sizeof(struct fl_topk),
		.formula = "(1/Q) sum_q [ min_j place_qj < k ]",
	},
	.higher_is_better = 1,
	.query = query,
	.depth = fl_topk_depth,
};
