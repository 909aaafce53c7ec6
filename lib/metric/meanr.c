/* Mean rank of the best positive. */
#include "metric/rank.h"

static double query(const void *p, const uint32_t *place, size_t R)
{
	(void)p;
	(void)R;
	return (double)place[0] + 1;
}

const struct fl_rmetric fl_rmetric_meanr = {
	.e = {
		.name = "meanr",
		.title = "Mean rank",
		.cite = "fl-metrics(5)",
		.doc = "mean over queries of the best positive's rank",
		.formula = "(1/Q) sum_q (min_j place_qj + 1)",
	},
	.query = query,
};
