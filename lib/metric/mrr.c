/* Mean reciprocal rank of the best positive. */
#include "metric/rank.h"

static double query(const void *p, const uint32_t *place, size_t R)
{
	(void)p;
	(void)R;
	return 1 / ((double)place[0] + 1);
}

const struct fl_rmetric fl_rmetric_mrr = {
	.e = {
		.name = "mrr",
		.title = "Mean reciprocal rank",
		.cite = "Voorhees, TREC-8, 1999",
		.doc = "mean of the reciprocal rank of the best positive",
		.formula = "(1/Q) sum_q 1 / (min_j place_qj + 1)",
	},
	.higher_is_better = 1,
	.query = query,
};
