/* RSUM: hit rates at 1, 5 and 10 in percent, added up over both directions, as tables of
 * cross-modal retrieval have it: 0 to 600. Here what one direction adds. */
#include "metric/rank.h"

static double query(const void *p, const uint32_t *place, size_t R)
{
	(void)p;
	(void)R;
	return 100.0 * ((place[0] < 1) + (place[0] < 5) + (place[0] < 10));
}

static size_t depth(const void *p, size_t R)
{
	(void)p;
	(void)R;
	return 10;
}

const struct fl_rmetric fl_rmetric_rsum = {
	.e = {
		.name = "rsum",
		.title = "RSUM",
		.cite = "fl-metrics(5)",
		.doc = "hit rates at 1, 5, 10 in percent, summed over both directions; 0-600",
		.formula = "100 sum over both directions of hit@1 + hit@5 + hit@10",
	},
	.higher_is_better = 1,
	.needs = FL_RANK_BOTH,
	.query = query,
	.depth = depth,
};
