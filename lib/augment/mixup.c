/* Mixup: a batch and a permutation of it, at one random weight,
 *   x' = lambda x_i + (1 - lambda) x_j,  loss lambda l(z, y_i) + (1 - lambda) l(z, y_j),
 * lambda ~ Beta(alpha, alpha), as in the authors' code. Targets are mixed as inputs are.
 * Examples without a label are mixed among themselves. */
#include <string.h>

#include "augment/augment.h"

struct mixup {
	double alpha;
};

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct mixup, alpha), "1", 1e-6, 1e6, NULL, "x",
	  "both parameters of the beta distribution of the weight" },
	{ 0 }
};

/* Rows v(B,n), each with the one that order names. */
static void mix_rows(const struct fl_mixed *m, float *v, size_t n)
{
	float keep = (float)m->keep, rest = (float)(1 - m->keep);

	if (!n)
		return;
	memcpy(m->room, v, m->B * n * sizeof *v);
	for (size_t b = 0; b < m->B; b++)
		for (size_t i = 0; i < n; i++)
			v[b * n + i] = keep * m->room[b * n + i] + rest * m->room[m->order[b] * n + i];
}

static void mix(const void *block, struct fl_rng *r, struct fl_mixed *m)
{
	double alpha = ((const struct mixup *)block)->alpha, share[2];
	size_t labelled = 0;

	fl_rng_dirichlet(r, (const double[]){ alpha, alpha }, share, 2);
	m->keep = share[0];
	for (size_t b = 0; b < m->B; b++) {
		m->order[b] = (uint32_t)b;
		labelled += m->y[b] >= 0;
	}
	fl_rng_shuffle(r, m->order, labelled);
	fl_rng_shuffle(r, m->order + labelled, m->B - labelled);
	for (size_t b = 0; b < m->B; b++)
		m->y2[b] = m->y[m->order[b]];
	mix_rows(m, m->x, m->d);
	mix_rows(m, m->target, m->T);
}

const struct fl_augment fl_augment_mixup = {
	.e = {
		.name = "mixup",
		.title = "mixup",
		.cite = "Zhang et al., ICLR 2018, arXiv 1710.09412",
		.doc = "examples and labels of a batch mixed in pairs; the last of a list",
		.params = params,
		.psize = sizeof(struct mixup),
		.formula = "x' = lambda x_i + (1 - lambda) x_j; loss lambda l(z, y_i) + (1 - lambda) l(z, y_j); "
			   "lambda ~ Beta(alpha, alpha), one a batch",
	},
	.mix = mix,
};
