/* ProLIP on frozen embeddings: outputs as in nn/gauss.h. With logits
 *   l_ij = <x_i, t_j> - (sum exp(s_i) + sum exp(s_t)_j) / 2, scale 1 and bias 0,
 *   loss = -1/B sum_ij log sigmoid(y_ij l_ij) + vib (KL_i + KL_t),  y_ij = +1 or -1,
 *   KL = -1/2 mean(1 + s/2 - m^2 - exp(s/2)), m the embedding.
 * KL is what the released code computes, which halves the log variance and then leaves
 * out the square; above 10,000 it is left out. There is no inclusion loss. */
#include "nn/act.h"
#include "nn/gauss.h"

struct prolip {
	double vib;
	int score;
};

static const struct fl_param params[] = {
	{ "vib", FL_P_REAL, offsetof(struct prolip, vib), "1e-5", 0, 1e6, NULL, "x",
	  "weight of the information bottleneck" },
	FL_GAUSS_SCORE(struct prolip),
	{ 0 }
};

static const double KL_MOST = 10000;

static int check(const void *p, size_t C, struct fl_err *e)
{
	(void)p;
	return C % FL_GAUSS_PARTS ?
	       fl_fail(e, FL_EUSAGE, "%zu outputs are not 4d: log variances of image and text, text, "
	               "image", C) : 0;
}

static size_t scratch(const void *p, size_t B, size_t C)
{
	(void)p;
	return fl_gauss_scratch(B, C, C / FL_GAUSS_PARTS);
}

static void logits(struct fl_gauss *g)
{
	for (size_t i = 0; i < g->B; i++)
		for (size_t j = 0; j < g->B; j++) {
			fl_real *t = &g->c.t[i * g->B + j];

			*t = (fl_real)((double)*t - (g->var[0][i] + g->var[1][j]) / 2);
		}
}

/* KL of one side; its gradient times weight joins dz. room(d). */
static double bottleneck(const struct fl_batch *b, size_t var, size_t mean, double weight,
                         fl_real *room)
{
	size_t d = b->C / FL_GAUSS_PARTS;
	double n = (double)b->B * (double)d, sum = 0, kl;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < b->B; i++) {
			const fl_real *s = b->z + i * b->C + var * d, *m = b->z + i * b->C + mean * d;

			for (size_t k = 0; k < d; k++)
				room[k] = s[k] / 2;
			fl_act_exp(room, room, d);
			for (size_t k = 0; k < d && !pass; k++)
				sum += 1 + (double)s[k] / 2 - (double)m[k] * (double)m[k] - (double)room[k];
			for (size_t k = 0; k < d && pass; k++)
				b->dz[i * b->C + var * d + k] +=
					(fl_real)(weight * .25 * ((double)room[k] - 1) / n);
		}
		kl = -.5 * sum / n;
		if (kl > KL_MOST)
			return 0;
		if (!b->dz)
			break;
	}
	return kl;
}

static double loss(const void *block, const struct fl_batch *b)
{
	const struct prolip *p = block;
	struct fl_gauss g;
	double value;

	fl_gauss_begin(&g, b, b->C / FL_GAUSS_PARTS);
	logits(&g);
	value = fl_contrast_sigmoid(&g.c, 1 / (double)b->B, b->dz != NULL);
	if (b->dz)
		fl_gauss_gradient(&g, -.5, b->dz);
	if (p->vib > 0)
		value += p->vib *
		         (bottleneck(b, FL_GAUSS_IMAGE_VAR, FL_GAUSS_IMAGE, p->vib, g.exp) +
		          bottleneck(b, FL_GAUSS_TEXT_VAR, FL_GAUSS_TEXT, p->vib, g.exp));
	return value;
}

static void reading(const void *p, size_t C, struct fl_reading *r)
{
	fl_gauss_reading(C / FL_GAUSS_PARTS, ((const struct prolip *)p)->score, r);
}

static void posterior(const void *p, enum fl_side side, const fl_real *z, size_t B, size_t C,
                      struct fl_posterior *out)
{
	(void)p;
	fl_gauss_posterior(side, z, B, C, C / FL_GAUSS_PARTS, out);
}

const struct fl_loss_entry fl_loss_prolip = {
	.e = {
		.name = "prolip",
		.title = "ProLIP",
		.cite = "Chun et al., ICLR 2025, arXiv 2410.18857; as an adapter: arXiv 2505.11029",
		.doc = "pairs told from others by inner products less variances",
		.params = params,
		.psize = sizeof(struct prolip),
		.formula = "-1/B sum log sigmoid(+-(<x_i, t_j> - (sum v_i + sum v_j)/2)) + vib KL",
	},
	.check = check,
	.scratch = scratch,
	.loss = loss,
	.reading = reading,
	.posterior = posterior,
};
