/* PCME++ on frozen embeddings: outputs as in nn/gauss.h, then a shift b and a negative
 * scale a, the same for all, read in the first row. With the closed-form sampled
 * distance D_ij = |x_i - t_j|^2 + sum exp(s_i) + sum exp(s_t)_j,
 *   loss = 2 mean_ij BCE(sigmoid(b - a D_ij), [i = j]),
 * without the pseudo-positives and the information bottleneck of the original. */
#include "nn/gauss.h"

struct pcmepp {
	int score;
};

static const struct fl_param params[] = {
	FL_GAUSS_SCORE(struct pcmepp),
	{ 0 }
};

enum { OWN = 2 };	/* shift, negative scale */

static size_t width(size_t C)
{
	return (C - OWN) / FL_GAUSS_PARTS;
}

static int check(const void *p, size_t C, struct fl_err *e)
{
	(void)p;
	return C < FL_GAUSS_PARTS + OWN || (C - OWN) % FL_GAUSS_PARTS ?
	       fl_fail(e, FL_EUSAGE, "%zu outputs are not 4d + 2: log variances of image and text, "
	               "text, image, shift, negative scale", C) : 0;
}

/* The distances, before what nn/gauss.h wants. */
static size_t distances(size_t B)
{
	return (B * B + FL_ALIGN - 1) / FL_ALIGN * FL_ALIGN;
}

static size_t scratch(const void *p, size_t B, size_t C)
{
	(void)p;
	return distances(B) + fl_gauss_scratch(B, C, width(C));
}

/* Inner products become logits. c.rows and c.columns: squared lengths. */
static void logits(struct fl_gauss *g, double shift, double scale, fl_real *D)
{
	for (size_t i = 0; i < g->B; i++)
		for (size_t j = 0; j < g->B; j++) {
			fl_real *t = &g->c.t[i * g->B + j];
			double means = g->c.rows[i] + g->c.columns[j] - 2 * (double)*t;
			double all = (means > 0 ? means : 0) + g->var[0][i] + g->var[1][j];

			D[i * g->B + j] = (fl_real)all;
			*t = (fl_real)(shift - scale * all);
		}
}

static double loss(const void *p, const struct fl_batch *b)
{
	size_t d = width(b->C), B = b->B;
	double shift = (double)b->z[b->C - 2], scale = (double)b->z[b->C - 1];
	double value, by_shift = 0, by_scale = 0;
	fl_real *D = b->scratch;
	struct fl_batch inner = *b;
	struct fl_gauss g;

	(void)p;
	inner.scratch += distances(B);
	fl_gauss_begin(&g, &inner, d);
	fl_row_squares(b->z + FL_GAUSS_IMAGE * d, g.c.rows, B, d, b->C);
	fl_row_squares(b->z + FL_GAUSS_TEXT * d, g.c.columns, B, d, b->C);
	logits(&g, shift, scale, D);
	value = fl_contrast_sigmoid(&g.c, 2 / ((double)B * (double)B), b->dz != NULL);
	if (!b->dz)
		return value;
	fl_gauss_gradient(&g, -scale, b->dz);
	for (size_t i = 0; i < B; i++) {
		by_shift += g.c.rows[i];
		by_scale -= fl_row_dot(g.c.t + i * B, D + i * B, B);
	}
	b->dz[b->C - 2] = (fl_real)by_shift;
	b->dz[b->C - 1] = (fl_real)by_scale;
	return value;
}

static void reading(const void *p, size_t C, struct fl_reading *r)
{
	fl_gauss_reading(width(C), ((const struct pcmepp *)p)->score, r);
}

static void posterior(const void *p, enum fl_side side, const fl_real *z, size_t B, size_t C,
                      struct fl_posterior *out)
{
	(void)p;
	fl_gauss_posterior(side, z, B, C, width(C), out);
}

const struct fl_loss_entry fl_loss_pcmepp = {
	.e = {
		.name = "pcmepp",
		.title = "PCME++",
		.cite = "Chun, ICLR 2024, arXiv 2305.18171; as an adapter: arXiv 2505.11029",
		.doc = "pairs told from others by the sampled distance of Gaussians",
		.params = params,
		.psize = sizeof(struct pcmepp),
		.formula = "2 mean BCE(b - a (|x_i - t_j|^2 + sum v_i + sum v_j), [i = j])",
	},
	.check = check,
	.scratch = scratch,
	.loss = loss,
	.reading = reading,
	.posterior = posterior,
};
