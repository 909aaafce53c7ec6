/* Whether the von Mises-Fisher density of any class beats the uniform one. */
#include "sphere/vmf.h"

#include <math.h>

#include "metric/unknown.h"

static void prepare(const double *kappa, size_t C, size_t d, double *norm)
{
	fl_vmf_logc_array(kappa, norm, NULL, d, C);
}

static double score(const struct fl_sight *s)
{
	double best = -INFINITY;

	for (size_t c = 0; c < s->C; c++)
		best = fmax(best, s->kappa[c] * (double)s->cosine[c] + s->norm[c]);
	return -best;
}

const struct fl_unknown fl_unknown_vmf = {
	.e = {
		.name = "vmf",
		.title = "von Mises-Fisher likelihood",
		.cite = "Ju et al., NeurIPS 2025, arXiv 2505.11029",
		.doc = "log of the uniform density over the likeliest class's von Mises-Fisher",
		.formula = "- max_c [kappa_c cos_c + ln C_d(kappa_c) - ln C_d(0)]; above 0: unknown",
	},
	.score = score,
	.prepare = prepare,
	.needs_kappa = 1,
	.ratio = 1,
};
