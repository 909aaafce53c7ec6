/* The image seen in a mirror, with some probability. */
#include "augment/augment.h"

struct flip {
	double p;
};

static const struct fl_param params[] = {
	{ "p", FL_P_REAL, offsetof(struct flip, p), "0.5", 0, 1, NULL, "x",
	  "probability" },
	{ 0 }
};

static void apply(const void *block, const struct fl_image *m, struct fl_rng *r, float *x,
                  float *room)
{
	(void)room;
	if (fl_rng_real(r) >= ((const struct flip *)block)->p)
		return;
	for (size_t i = 0; i < m->C * m->H; i++, x += m->W)
		for (size_t j = 0; j < m->W / 2; j++) {
			float left = x[j];

			x[j] = x[m->W - 1 - j];
			x[m->W - 1 - j] = left;
		}
}

const struct fl_augment fl_augment_flip = {
	.e = {
		.name = "flip",
		.title = "Random flip",
		.cite = "Krizhevsky et al., NeurIPS 2012; torchvision's RandomHorizontalFlip",
		.doc = "left and right swapped with probability p",
		.params = params,
		.psize = sizeof(struct flip),
		.formula = "x'(i,j) = x(i, W - 1 - j) with probability p, else x",
	},
	.image = 1,
	.apply = apply,
};
