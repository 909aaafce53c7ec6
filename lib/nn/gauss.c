/* Diagonal Gaussians about unit vectors. */
#include "nn/gauss.h"

#include <string.h>

#include "base/fmath.h"
#include "nn/act.h"
#include "nn/lanes.h"

const char *const fl_gauss_score_name[] = { "cosine", "csd", NULL };

enum { DOUBLES = 4 };	/* var, c.rows, c.columns */

static fl_product inner(const struct fl_gauss *g, const fl_real *image, const fl_real *text)
{
	return (fl_product){
		.M = g->B, .N = g->B, .K = g->d, .a = image, .lda = g->C, .b = text, .ldb = g->C,
		.tb = 1, .c = g->c.t, .ldc = g->B,
	};
}

/* Where scratch is NULL, only its size is found. */
static size_t lay_out(struct fl_gauss *g, fl_real *scratch, fl_real **room)
{
	size_t B = g->B, at = B * DOUBLES * sizeof(double) / sizeof(fl_real);
	double *x = (double *)(void *)scratch;
	fl_product q;

	if (scratch) {
		double **place[DOUBLES] = { &g->var[0], &g->var[1], &g->c.rows, &g->c.columns };

		for (size_t i = 0; i < DOUBLES; i++)
			*place[i] = x + i * B;
		g->c.room = scratch + at;
		g->exp = g->c.room + fl_contrast_room(B);
	}
	at += fl_contrast_room(B) + 2 * B * g->d;
	at = (at + FL_ALIGN - 1) / FL_ALIGN * FL_ALIGN;
	if (scratch)
		g->c.t = scratch + at;
	at += B * B;
	at = (at + FL_ALIGN - 1) / FL_ALIGN * FL_ALIGN;
	*room = scratch ? scratch + at : NULL;
	q = inner(g, g->z, g->z);
	return at + fl_loss_product_scratch(&q);
}

size_t fl_gauss_scratch(size_t B, size_t C, size_t d)
{
	fl_real none[1] = { 0 }, *room;
	struct fl_gauss g = { .B = B, .C = C, .d = d, .z = none, .c.t = none };

	return lay_out(&g, NULL, &room);
}

void fl_gauss_begin(struct fl_gauss *g, const struct fl_batch *b, size_t d)
{
	fl_real *room;
	fl_product q;

	*g = (struct fl_gauss){ .B = b->B, .C = b->C, .d = d, .z = b->z, .c.B = b->B };
	lay_out(g, b->scratch, &room);
	q = inner(g, g->z + FL_GAUSS_IMAGE * d, g->z + FL_GAUSS_TEXT * d);
	fl_matmul_par(&q, room, b->threads);
	for (size_t i = 0; i < g->B; i++) {
		fl_real *v = g->exp + i * 2 * d;

		fl_act_exp(g->z + i * g->C, v, 2 * d);
		for (size_t side = 0; side < 2; side++) {
			struct fl_lanes s = { { 0 } };
			const fl_real *w = v + side * d;

			FL_LANES_ADD(&s, d, k, (double)w[k]);
			g->var[side][i] = fl_lanes_total(&s);
		}
	}
}

void fl_gauss_gradient(const struct fl_gauss *g, double factor, fl_real *dz)
{
	size_t d = g->d;

	for (size_t i = 0; i < g->B; i++, dz += g->C) {
		const fl_real *v = g->exp + i * 2 * d;

		for (size_t k = 0; k < d; k++)
			dz[k] = (fl_real)(factor * g->c.rows[i] * (double)v[k]);
		for (size_t k = d; k < 2 * d; k++)
			dz[k] = (fl_real)(factor * g->c.columns[i] * (double)v[k]);
		memset(dz + 2 * d, 0, (g->C - 2 * d) * sizeof *dz);
	}
}

void fl_gauss_reading(size_t d, int score, struct fl_reading *r)
{
	*r = (struct fl_reading){
		.d = d, .score = score ? &fl_score_csd : &fl_score_cosine, .var = { 1, 1 },
		.uncertainty = { 1, 1 },
	};
}

void fl_gauss_posterior(enum fl_side side, const fl_real *z, size_t B, size_t C, size_t d,
                        struct fl_posterior *out)
{
	size_t mean = side == FL_SIDE_TEXT ? FL_GAUSS_TEXT : FL_GAUSS_IMAGE;
	size_t var = side == FL_SIDE_TEXT ? FL_GAUSS_TEXT_VAR : FL_GAUSS_IMAGE_VAR;

	for (size_t b = 0; b < B; b++, z += C) {
		double sum = 0;

		fl_posterior_unit(out->mean, z + mean * d, b, d);
		for (size_t k = 0; k < d; k++) {
			double v = fl_exp((double)z[var * d + k]);

			sum += v;
			if (out->var)
				out->var[b * d + k] = (float)v;
		}
		if (out->uncertainty)
			out->uncertainty[b] = sum / (double)d;
	}
}
