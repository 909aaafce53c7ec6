/* FedFV: updates that pull against others are turned until they do not.
 * By ascending loss F_j, each update u_k loses what it has against u_j,
 *   u_k -= u_j min(0, <u_k, u_j>)/|u_j|^2,
 * except those of the m clients with the highest loss, m = 1 + floor(alpha (K - 1)), or 0
 * where alpha is 0. The mean of the results gets the length of the mean of the updates.
 * The paper keeps alpha K of them and does not say what becomes of a fraction; m is what
 * its code keeps. Internal conflicts only: the paper's step against clients of earlier
 * rounds (tau) is not here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "fed/agg/agg.h"

struct params {
	double alpha;
};

static const struct fl_param table[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "0.1", 0, 1, NULL, "alpha",
	  "share of clients, those with the highest loss, that keep their update" },
	{ 0 }
};

struct ranked {
	double loss;
	size_t k;
};

/* Equal losses: the lower client id first. */
static int cmp_loss(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->loss != y->loss)
		return x->loss < y->loss ? -1 : 1;
	return (x->k > y->k) - (x->k < y->k);
}

/* <sum a_i u_i, u_j> */
static double inner(const double *G, const double *a, size_t K, size_t j)
{
	double s = 0;

	for (size_t i = 0; i < K; i++)
		s += a[i] * G[i * K + j];
	return s;
}

/* |sum a_i u_i| */
static double length(const double *G, const double *a, size_t K)
{
	double s = 0;

	for (size_t j = 0; j < K; j++)
		s += a[j] * inner(G, a, K, j);
	return s > 0 ? sqrt(s) : 0;
}

/* a(K): the coefficients of client k's update, turned. */
static void turn(const double *G, const struct ranked *order, size_t K, size_t k, double *a)
{
	memset(a, 0, K * sizeof *a);
	a[k] = 1;
	for (size_t r = 0; r < K; r++) {
		size_t j = order[r].k;
		double s = inner(G, a, K, j);

		if (j != k && s < 0)
			a[j] -= s / G[j * K + j];
	}
}

static int weigh(const void *pp, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	const struct params *p = pp;
	const double *G = q->G;
	size_t K = r->K;
	size_t keep = p->alpha > 0 ? 1 + fl_num_part(p->alpha, K - 1) : 0;
	struct ranked *order = fl_alloc(K, sizeof *order, e);
	double *a = fl_alloc(K, sizeof *a, e), *w = q->w, want, have;

	if (!order || !a) {
		free(order);
		free(a);
		return -1;
	}
	for (size_t k = 0; k < K; k++) {
		order[k] = (struct ranked){ r->u[k].loss0, k };
		a[k] = 1 / (double)K;
	}
	want = length(G, a, K);
	qsort(order, K, sizeof *order, cmp_loss);
	for (size_t n = 0; n < K; n++) {
		if (n >= K - keep)
			w[order[n].k] += 1;
		else
			turn(G, order, K, order[n].k, a);
		for (size_t j = 0; n < K - keep && j < K; j++)
			w[j] += a[j];
	}
	have = length(G, w, K);
	for (size_t k = 0; k < K; k++)
		w[k] *= have > 0 ? want / have : 0;
	free(order);
	free(a);
	return 0;
}

const struct fl_rule fl_rule_fedfv = {
	.e = {
		.name = "fedfv",
		.title = "FedFV",
		.cite = "Wang et al., IJCAI 2021, arXiv 2104.14937",
		.doc = "updates that pull against others are turned until they do not",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "by ascending F_j: u_k -= u_j min(0, <u_k, u_j>)/|u_j|^2; "
			   "u = mean u_k, as long as the mean before; the m highest F_k keep their u_k, "
			   "m = 1 + floor(alpha (K - 1)), 0 where alpha is 0",
		.note = "The paper keeps alpha K and leaves fractions open; m is its code's number, at "
			"least one. Conflicts are those within the round, as with the paper's tau 0.",
	},
	.needs = FL_NEED_LOSS0,
	.flags = FL_RULE_ORIGIN,
	.weigh = weigh,
};
