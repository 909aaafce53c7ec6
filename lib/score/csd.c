/* Minus the mean squared distance of draws of two Gaussians with unit means:
 * -(|mu_q - mu_g|^2 + sum var_q + sum var_g) = 2c - 2 - sum var_q - sum var_g. */
#include "score/score.h"

static void weigh(double var, size_t d, int asks, double *scale, double *bias)
{
	(void)d;
	*scale = asks ? 2 : 1;
	*bias = (asks ? -2 : 0) - var;
}

const struct fl_score fl_score_csd = {
	.e = {
		.name = "csd",
		.title = "Closed-form sampled distance",
		.cite = "Chun, ICLR 2024, arXiv 2305.18171",
		.doc = "minus the mean squared distance of two Gaussians' draws",
		.formula = "-(2 - 2c + variances of both): c the cosine of the means, variances summed "
		           "over a row",
	},
	.unit = 1,
	.beside = FL_BESIDE_SUM, .column = "var", .of = { 1, 1 },
	.weigh = weigh,
};
