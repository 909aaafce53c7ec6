/* Mean average precision at R: precision at each positive among the first R places,
 * over R, the number of positives. */
#include <stddef.h>

#include "metric/rank.h"

struct params {
	int at;
};

static const char *const at[] = { "r", NULL };

static const struct fl_param params[] = {
	{ "at", FL_P_ENUM, offsetof(struct params, at), "r", 0, 0, at, "where",
	  "places looked at: as many as there are positives" },
	{ 0 }
};

static double query(const void *p, const uint32_t *place, size_t R)
{
	double sum = 0;

	(void)p;
	for (size_t i = 0; i < R && place[i] < R; i++)
		sum += ((double)i + 1) / ((double)place[i] + 1);
	return sum / (double)R;
}

static size_t depth(const void *p, size_t R)
{
	(void)p;
	return R;
}

const struct fl_rmetric fl_rmetric_map = {
	.e = {
		.name = "map",
		.title = "mAP@R",
		.cite = "Musgrave et al., ECCV 2020, arXiv 2003.08505",
		.doc = "mean average precision over the first R_q places",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "(1/Q) sum_q (1/R_q) sum_{i <= R_q} Prec_q(i) [item i in P_q]",
	},
	.higher_is_better = 1,
	.query = query,
	.depth = depth,
};
