/* Normalised discounted cumulative gain of the first k, gains 0 and 1. */
#include "base/fmath.h"
#include "metric/topk.h"

/* Of a positive at this place; the base of the logarithm cancels. */
static double gain(size_t place)
{
	return 1 / fl_log((double)place + 2);
}

static double query(const void *p, const uint32_t *place, size_t R)
{
	size_t k = (size_t)((const struct fl_topk *)p)->k, n = fl_topk_found(place, R, k);
	double got = 0, best = 0;

	for (size_t i = 0; i < n; i++)
		got += gain(place[i]);
	for (size_t i = 0; i < R && i < k; i++)
		best += gain(i);
	return got / best;
}

const struct fl_rmetric fl_rmetric_ndcg = {
	.e = {
		.name = "ndcg",
		.title = "nDCG",
		.cite = "Jarvelin and Kekalainen, ACM TOIS 20(4), 2002",
		.doc = "normalised discounted cumulative gain of the first k",
		.params = fl_topk_params,
		.psize = sizeof(struct fl_topk),
		.formula = "(1/Q) sum_q sum_{place_qj < k} 1/log2(place_qj + 2) / sum_{i < min(R_q,k)} 1/log2(i + 2)",
	},
	.higher_is_better = 1,
	.query = query,
	.depth = fl_topk_depth,
};
