/* Gaussian noise on every input, of images and of vectors. */
#include "augment/augment.h"

struct noise {
	double sigma;
};

static const struct fl_param params[] = {
	{ "sigma", FL_P_REAL, offsetof(struct noise, sigma), "0.1", 0, 1e6, NULL, "x",
	  "standard deviation, in units of the scaled inputs" },
	{ 0 }
};

static void apply(const void *block, const struct fl_image *m, struct fl_rng *r, float *x,
                  float *room)
{
	double sigma = ((const struct noise *)block)->sigma;

	(void)room;
	for (size_t i = 0; i < m->C * m->H * m->W; i++)
		x[i] = (float)((double)x[i] + sigma * fl_rng_normal(r));
}

const struct fl_augment fl_augment_noise = {
	.e = {
		.name = "noise",
		.title = "Gaussian noise",
		.cite = "Bishop, Neural Computation 7, 1995; Sietsma and Dow, 1991",
		.doc = "Gaussian noise on every input",
		.params = params,
		.psize = sizeof(struct noise),
		.formula = "x' = x + N(0, sigma^2)",
	},
	.apply = apply,
};
