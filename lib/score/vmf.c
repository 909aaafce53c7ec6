/* The log-likelihood of an image under a von Mises-Fisher distribution about the text. */
#include "score/score.h"
#include "sphere/vmf.h"

static void weigh(double kappa, size_t d, int asks, double *scale, double *bias)
{
	(void)asks;
	*scale = kappa;
	*bias = fl_vmf_approx(kappa, d);
}

const struct fl_score fl_score_vmf = {
	.e = {
		.name = "vmf",
		.title = "von Mises-Fisher likelihood",
		.cite = "Ju et al., NeurIPS 2025, arXiv 2505.11029",
		.doc = "log-likelihood of the image under the text, von Mises-Fisher",
		.formula = "kappa c + F(kappa): c the cosine, kappa that of the text, F the "
		           "approximation of ln C of Li et al. (2021), up to a constant",
	},
	.unit = 1,
	.beside = FL_BESIDE_NUMBER, .column = "kappa", .of = { [FL_SIDE_TEXT] = 1 },
	.weigh = weigh,
};
