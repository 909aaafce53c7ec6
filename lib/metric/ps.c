/* Whether the Power Spherical density of any class beats the uniform one. */
#include "sphere/ps.h"

#include <math.h>

#include "base/fmath.h"
#include "metric/unknown.h"

/* The opposite of a direction, in the precision of a cosine. */
#define LEAST 0x1p-24

static void prepare(const double *kappa, size_t C, size_t d, double *norm)
{
	fl_ps_logc_array(kappa, norm, NULL, d, C);
}

static double score(const struct fl_sight *s)
{
	double best = -INFINITY;

	for (size_t c = 0; c < s->C; c++) {
		double near = fmax(1 + (double)s->cosine[c], LEAST);

		best = fmax(best, s->kappa[c] * fl_log(near) + s->norm[c]);
	}
	return -best;
}

const struct fl_unknown fl_unknown_ps = {
	.e = {
		.name = "ps",
		.title = "Power Spherical likelihood",
		.cite = "Ju et al., NeurIPS 2025, arXiv 2505.11029; De Cao and Aziz 2020",
		.doc = "log of the uniform density over the likeliest class's Power Spherical",
		.formula = "- max_c [kappa_c ln(1 + cos_c) + ln C_d(kappa_c) - ln C_d(0)]; above 0: unknown",
	},
	.score = score,
	.prepare = prepare,
	.needs_kappa = 1,
	.ratio = 1,
};
