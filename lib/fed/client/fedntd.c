/* FedNTD: what the received model says of the classes that are not an example's own
 * is distilled,
 *   F_k + beta tau^2 mean of KL(q_g | q), q = softmax of z_c/tau over c != y. */
#include "fed/client/client.h"

#include <math.h>

#include "base/fmath.h"

struct fedntd {
	double beta, tau;
};

static const struct fl_param params[] = {
	{ "beta", FL_P_REAL, offsetof(struct fedntd, beta), "1", 0, 1e6, NULL, "beta",
	  "weight of the distillation" },
	{ "tau", FL_P_REAL, offsetof(struct fedntd, tau), "1", 1e-6, 1e6, NULL, "tau",
	  "temperature" },
	{ 0 }
};

struct fixed {
	struct fl_fixed now;	/* the received model's logits */
	double *qg, *q;		/* (C) */
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct fixed *f = fl_arena_get(l->arena, 1, sizeof *f, e);
	size_t C = l->net->classes;

	if (!f || !(f->qg = fl_arena_get(l->arena, C, sizeof *f->qg, e)) ||
	    !(f->q = fl_arena_get(l->arena, C, sizeof *f->q, e)))
		return -1;
	l->priv = f;
	return fl_local_fix(l, &f->now, l->w0, FL_FIX_LOGITS, e);
}

/* q(C) = softmax of z/tau over c != y; returns its log-sum-exp. */
static double soften(const fl_real *z, size_t y, size_t C, double tau, double *q)
{
	double max = -INFINITY, sum = 0;

	for (size_t c = 0; c < C; c++)
		if (c != y && (double)z[c] / tau > max)
			max = (double)z[c] / tau;
	for (size_t c = 0; c < C; c++)
		sum += q[c] = c == y ? 0 : fl_exp((double)z[c] / tau - max);
	for (size_t c = 0; c < C; c++)
		q[c] /= sum;
	return max + fl_log(sum);
}

static double loss(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                   size_t C)
{
	const struct fedntd *p = l->p;
	const struct fixed *f = l->priv;
	double sum = 0;

	for (size_t b = 0; b < B && C > 1; b++, z += C, dz += C) {
		const fl_real *zg = f->now.z + fl_local_row(l, b) * C;
		double lg = soften(zg, (size_t)y[b], C, p->tau, f->qg);
		double lq = soften(z, (size_t)y[b], C, p->tau, f->q);

		for (size_t c = 0; c < C; c++) {
			sum += f->qg[c] * (((double)zg[c] - (double)z[c]) / p->tau - lg + lq);
			dz[c] += (fl_real)(p->beta * p->tau * (f->q[c] - f->qg[c]) / (double)B);
		}
	}
	return p->beta * p->tau * p->tau * sum / (double)B;
}

const struct fl_method fl_method_fedntd = {
	.e = {
		.name = "fedntd",
		.title = "FedNTD",
		.cite = "Lee et al., NeurIPS 2022, arXiv 2106.03097",
		.doc = "distils the received model's view of the classes not true",
		.params = params,
		.psize = sizeof(struct fedntd),
		.formula = "F_k + beta tau^2 mean of KL(q_g | q), q = softmax of z_c/tau over c != y",
	},
	.flags = FL_METHOD_LABELS,
	.begin = begin,
	.on.loss = loss,
};
