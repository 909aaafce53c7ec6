/* Plausible-match R-precision: what shows nearly the same is a positive, too. */
#include "metric/topk.h"

const struct fl_rmetric fl_rmetric_pmrp = {
	.e = {
		.name = "pmrp",
		.title = "Plausible-match R-precision",
		.cite = "Chun et al., CVPR 2021, arXiv 2101.05068",
		.doc = "R-precision, mean over up to 0, 1 ... Z attributes that differ",
		.formula = "mean over z <= Z and q of |first R_qz and P_qz| / R_qz",
	},
	.higher_is_better = 1,
	.needs = FL_RANK_GRADES,
	.query = fl_topk_precision,
	.depth = fl_topk_all,
};
