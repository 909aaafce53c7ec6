/* What two von Mises-Fisher distributions have in common: the log of the integral of their
 * product, 0 where one of them is uniform. */
#include "score/score.h"
#include "sphere/vmf.h"

static void weigh(double kappa, size_t d, int asks, double *scale, double *bias)
{
	(void)asks;
	*scale = kappa;
	*bias = fl_vmf_approx_diff(kappa, d);
}

const struct fl_score fl_score_product = {
	.e = {
		.name = "product",
		.title = "Integral of the product",
		.cite = "Shi and Jain, ICCV 2019, arXiv 1904.09658; of directions: Ju et al., "
		        "NeurIPS 2025, arXiv 2505.11029",
		.doc = "log of the integral of both sides' von Mises-Fisher densities",
		.formula = "F(kappa_t) + F(kappa_i) - F(|kappa_t mu_t + kappa_i mu_i|), F as in "
		           "vmf, for images that have a concentration, too; 0 where one of the "
		           "two is uniform",
	},
	.unit = 1,
	.joint = fl_vmf_product,
	.beside = FL_BESIDE_NUMBER, .column = "kappa", .of = { 1, 1 },
	.weigh = weigh,
};
