/* Uncertainty of the chosen class's texts. */
#include <math.h>

#include "metric/unknown.h"

/* A class without any direction is as uncertain as can be, yet a number. */
#define LEAST 1e-300

static double score(const struct fl_sight *s)
{
	return 1 / fmax(s->kappa[s->top], LEAST);
}

const struct fl_unknown fl_unknown_kappa = {
	.e = {
		.name = "kappa",
		.title = "1/kappa",
		.cite = "Ju et al., NeurIPS 2025, arXiv 2505.11029",
		.doc = "one over the concentration of the chosen class",
		.formula = "1 / kappa_c, c = argmax cos_c",
	},
	.score = score,
	.needs_kappa = 1,
};
