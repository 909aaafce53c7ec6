/* Probabilistic face embeddings, as an adapter of both sides. Outputs of a pair:
 * variances v_i(d) and v_t(d), then the embeddings t(d) and x(d), which stay as they
 * are: their gradient is 0. With s = v_i + v_t,
 *   loss = mean over pairs of sum_k (x_k - t_k)^2 / s_k + log s_k. */
#include <string.h>

#include "nn/act.h"
#include "nn/contrast.h"

/* Variances that underflow count as this. */
static const fl_real LEAST = (fl_real)1e-30;

enum { IMAGE_VAR, TEXT_VAR, TEXT, IMAGE, PARTS };

static int check(const void *p, size_t C, struct fl_err *e)
{
	(void)p;
	return C % PARTS ? fl_fail(e, FL_EUSAGE, "%zu outputs are not 4d: variances of image and text, "
	                           "text, image", C) : 0;
}

static size_t scratch(const void *p, size_t B, size_t C)
{
	(void)p;
	(void)B;
	return 2 * (C / PARTS);
}

/* Loss of a pair; s(d) and l(d) are room. */
static double pair_loss(const fl_real *z, fl_real *s, fl_real *l, fl_real scale, fl_real *dz,
                        size_t d)
{
	const fl_real *t = z + TEXT * d, *x = z + IMAGE * d;
	double sum = 0;

	for (size_t k = 0; k < d; k++) {
		s[k] = z[k] + z[TEXT_VAR * d + k];
		s[k] = s[k] > LEAST ? s[k] : LEAST;
	}
	fl_act_log(s, l, d);
	for (size_t k = 0; k < d; k++) {
		fl_real r = x[k] - t[k], q = r * r / s[k];

		sum += (double)q + (double)l[k];
		if (dz)
			dz[k] = dz[d + k] = scale * (1 - q) / s[k];
	}
	if (dz)
		memset(dz + TEXT * d, 0, 2 * d * sizeof *dz);
	return sum;
}

static double loss(const void *p, const struct fl_batch *b)
{
	size_t d = b->C / PARTS;
	double sum = 0;

	(void)p;
	for (size_t i = 0; i < b->B; i++)
		sum += pair_loss(b->z + i * b->C, b->scratch, b->scratch + d, 1 / (fl_real)b->B,
		                 b->dz ? b->dz + i * b->C : NULL, d);
	return sum / (double)b->B;
}

static void reading(const void *p, size_t C, struct fl_reading *r)
{
	(void)p;
	*r = (struct fl_reading){
		.d = C / PARTS, .score = &fl_score_cosine, .var = { 1, 1 }, .uncertainty = { 1, 1 },
	};
}

static void posterior(const void *p, enum fl_side side, const fl_real *z, size_t B, size_t C,
                      struct fl_posterior *out)
{
	size_t d = C / PARTS, mean = side == FL_SIDE_TEXT ? TEXT : IMAGE;
	size_t var = side == FL_SIDE_TEXT ? TEXT_VAR : IMAGE_VAR;

	(void)p;
	for (size_t b = 0; b < B; b++, z += C) {
		double sum = 0;

		fl_posterior_unit(out->mean, z + mean * d, b, d);
		for (size_t k = 0; k < d; k++) {
			sum += (double)z[var * d + k];
			if (out->var)
				out->var[b * d + k] = (float)z[var * d + k];
		}
		if (out->uncertainty)
			out->uncertainty[b] = sum / (double)d;
	}
}

const struct fl_loss_entry fl_loss_pfe = {
	.e = {
		.name = "pfe",
		.title = "Probabilistic embeddings (PFE)",
		.cite = "Shi and Jain, ICCV 2019, arXiv 1904.09658; as an adapter: arXiv 2505.11029",
		.doc = "matched pairs as Gaussians about their embeddings, variances learnt",
		.formula = "mean of sum_k (x_k - t_k)^2 / (v_i + v_t)_k + log (v_i + v_t)_k",
	},
	.check = check,
	.scratch = scratch,
	.loss = loss,
	.reading = reading,
	.posterior = posterior,
};
