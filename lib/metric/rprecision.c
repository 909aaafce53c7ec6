/* R-precision: the share of positives among the first R, R their number. */
#include "metric/topk.h"

const struct fl_rmetric fl_rmetric_rprecision = {
	.e = {
		.name = "rprecision",
		.title = "R-precision",
		.cite = "Musgrave et al., ECCV 2020, arXiv 2003.08505",
		.doc = "share of positives among the first R_q places, R_q their number",
		.formula = "(1/Q) sum_q |first R_q and P_q| / R_q",
	},
	.higher_is_better = 1,
	.query = fl_topk_precision,
	.depth = fl_topk_all,
};
