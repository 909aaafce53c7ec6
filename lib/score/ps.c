/* The log-likelihood of an image under a power spherical distribution about the text. */
#include "score/score.h"
#include "sphere/ps.h"

static void weigh(double kappa, size_t d, int asks, double *scale, double *bias)
{
	(void)asks;
	*scale = kappa;
	*bias = fl_ps_logc(kappa, d);
}

const struct fl_score fl_score_ps = {
	.e = {
		.name = "ps",
		.title = "Power Spherical likelihood",
		.cite = "Ju et al., NeurIPS 2025, arXiv 2505.11029; De Cao and Aziz 2020",
		.doc = "log-likelihood of the image under the text, power spherical",
		.formula = "kappa ln(1 + c) + ln C(kappa): c the cosine, kappa that of the text",
	},
	.unit = 1,
	.log1p = 1,
	.beside = FL_BESIDE_NUMBER, .column = "kappa", .of = { [FL_SIDE_TEXT] = 1 },
	.weigh = weigh,
};
