/* Mixup contrast of M3CoL: the row of one tower that was mixed of two examples is to find
 * both of them in the other tower, by the shares of either. An output is what a layer
 * mixup gives, (a(d), beta, j), and the other tower's b(d). With cosines s of a's and b's
 * rows over tau, and targets p_ii = beta_i, p_i,j(i) += 1 - beta_i,
 *   loss = 1/2B sum_ik p_ik (log sum_k' exp s_ik' - s_ik)
 *        + 1/2B sum_ik p_ik (log sum_i' exp s_i'k - s_ik).
 * Where j(i) = i the target is 1; the released code sets 1 - beta there. With beta = 1 it
 * is CLIP's loss. */
#include <string.h>

#include "nn/towers.h"

enum { DRAWN = 2 };	/* beta and j */

struct mixco {
	double tau;
};

static const struct fl_param params[] = {
	{ "tau", FL_P_REAL, offsetof(struct mixco, tau), "0.1", 1e-4, 100, NULL, "x",
	  "temperature" },
	{ 0 }
};

static int check(const void *p, size_t C, struct fl_err *e)
{
	(void)p;
	return C < DRAWN + 2 || C % 2 ?
	       fl_fail(e, FL_EUSAGE, "%zu outputs are not 2d + 2: a tower of layer mixup, the other "
	               "tower", C) : 0;
}

static size_t scratch(const void *p, size_t B, size_t C)
{
	(void)p;
	return fl_towers_scratch(B, (C - DRAWN) / 2);
}

static void targets(const struct fl_batch *b, size_t d, fl_real *r)
{
	memset(r, 0, b->B * b->B * sizeof *r);
	for (size_t i = 0; i < b->B; i++) {
		const fl_real *drawn = b->z + i * b->C + d;
		size_t j = drawn[1] >= 0 && drawn[1] < (fl_real)b->B ? (size_t)drawn[1] : i;

		r[i * b->B + i] = drawn[0];
		r[i * b->B + j] += 1 - drawn[0];
	}
}

static double loss(const void *p, const struct fl_batch *b)
{
	size_t d = (b->C - DRAWN) / 2, at[] = { 0, d + DRAWN };
	double by = .5 / (double)b->B, scale = b->dz ? by : 0, sum;
	struct fl_towers w;

	fl_towers_begin(&w, b, at, d, ((const struct mixco *)p)->tau);
	targets(b, d, w.r);
	sum = fl_towers_entropy(&w, w.t, w.r, scale, NULL);
	fl_towers_transpose(&w, w.r, w.q);
	sum += fl_towers_entropy(&w, w.s, w.q, scale, NULL);
	if (b->dz) {
		memset(b->dz, 0, b->B * b->C * sizeof *b->dz);
		fl_towers_end(&w, at);
	}
	return by * sum;
}

const struct fl_loss_entry fl_loss_mixco = {
	.e = {
		.name = "mixco",
		.title = "M3CoL, mixup contrast",
		.cite = "Kumar et al., TMLR 2025, arXiv 2409.17777",
		.doc = "mixed rows of one tower find both of their examples in the other",
		.params = params,
		.psize = sizeof(struct mixco),
		.formula = "cross-entropy of a b'/tau over rows and columns towards b_i at i, 1 - b_i at j",
	},
	.towers = 1,
	.check = check,
	.scratch = scratch,
	.loss = loss,
};
