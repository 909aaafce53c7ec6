/* Mixup of a batch's rows: with probability share, a row becomes
 *   beta_i x_i + (1 - beta_i) x_j,  beta_i ~ Beta(alpha, alpha),  j = pi(i),
 * pi one permutation of the batch; else it stays, beta_i = 1. Behind every row stand its
 * beta and j, for a loss that must know them (nn/mixco.c). Outside training rows stay, and
 * j = i. */
#include <string.h>

#include "base/fmath.h"
#include "nn/layer.h"

struct mixup {
	double alpha, share;
};

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct mixup, alpha), "0.15", 1e-6, 1e6, NULL, "x",
	  "both parameters of the beta distribution of weights" },
	{ "share", FL_P_REAL, offsetof(struct mixup, share), "0.5", 0, 1, NULL, "p",
	  "probability that a row is mixed" },
	{ 0 }
};

enum { BETA, OTHER, DRAWN };

static int shape(struct fl_layer *l, struct fl_err *e)
{
	(void)e;
	l->out = (struct fl_shape){ 1, { fl_shape_count(&l->in) + DRAWN } };
	l->cache = DRAWN;
	return 0;
}

/* Beta(alpha, alpha) from two gammas in logarithms. */
static double draw_beta(struct fl_rng *r, double alpha)
{
	double a = fl_rng_log_gamma(r, alpha), b = fl_rng_log_gamma(r, alpha);

	return 1 / (1 + fl_exp(b - a));
}

/* cache(B,2): weights, and the permutation by Fisher and Yates from the end. */
static void draw(const struct mixup *p, struct fl_rng *r, fl_real *cache, size_t B)
{
	for (size_t i = 0; i < B; i++) {
		cache[i * DRAWN + BETA] = 1;
		cache[i * DRAWN + OTHER] = (fl_real)i;
	}
	for (size_t i = B; r && i-- > 1;) {
		fl_real *a = cache + i * DRAWN + OTHER;
		fl_real *b = cache + (size_t)fl_rng_below(r, i + 1) * DRAWN + OTHER, was = *a;

		*a = *b;
		*b = was;
	}
	for (size_t i = 0; r && i < B; i++)
		if (fl_rng_real(r) < p->share)
			cache[i * DRAWN + BETA] = (fl_real)draw_beta(r, p->alpha);
}

static size_t other(const struct fl_pass *a, size_t b)
{
	return (size_t)a->cache[b * DRAWN + OTHER];
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in);
	fl_real *y = a->y;

	draw(l->p, a->train ? a->rng : NULL, a->cache, a->B);
	for (size_t b = 0; b < a->B; b++, y += n + DRAWN) {
		fl_real beta = a->cache[b * DRAWN + BETA];
		const fl_real *x = a->x + b * n, *x2 = a->x + other(a, b) * n;

		if (beta < 1)
			for (size_t i = 0; i < n; i++)
				y[i] = beta * x[i] + (1 - beta) * x2[i];
		else
			memcpy(y, x, n * sizeof *y);
		memcpy(y + n, a->cache + b * DRAWN, DRAWN * sizeof *y);
	}
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in);

	if (!a->dx)
		return;
	memset(a->dx, 0, a->B * n * sizeof *a->dx);
	for (size_t b = 0; b < a->B; b++) {
		fl_real beta = a->cache[b * DRAWN + BETA];
		const fl_real *dy = a->dy + b * (n + DRAWN);
		fl_real *dx = a->dx + b * n, *dx2 = a->dx + other(a, b) * n;

		for (size_t i = 0; i < n; i++)
			dx[i] += beta * dy[i];
		for (size_t i = 0; beta < 1 && i < n; i++)
			dx2[i] += (1 - beta) * dy[i];
	}
}

const struct fl_layer_entry fl_layer_mixup = {
	.e = {
		.name = "mixup",
		.title = "Mixup",
		.cite = "Zhang et al., ICLR 2018, arXiv 1710.09412; of representations: Verma et al., "
			"ICML 2019, arXiv 1806.05236",
		.doc = "rows mixed with others of the batch, then the weight and which it was",
		.params = params,
		.psize = sizeof(struct mixup),
		.formula = "y_i = (b_i x_i + (1 - b_i) x_j, b_i, j), b_i ~ Beta(alpha, alpha) or 1",
	},
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
