/* Geometric median: the point with the least sum of distances to the updates,
 * weighted, by the smoothed Weiszfeld iteration of RFA
 *   w_k = p_k / max(nu, |u - u_k|), normalised;  u = sum w_k u_k.
 * All of it is in the inner products: |u - u_k|^2 = G_kk - 2 (G w)_k + w.G w. */
#include <math.h>
#include <stdlib.h>

#include "fed/agg/agg.h"
#include "fed/share.h"

struct params {
	int weight;
	double nu;
	int64_t iterations;
};

static const struct fl_param table[] = {
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0,
	  fl_share_name, "kind",
	  "what an update counts: its training examples, or one" },
	{ "nu", FL_P_REAL, offsetof(struct params, nu), "1e-6", 1e-300, 1e6, NULL, "nu",
	  "distances below count as this" },
	{ "iterations", FL_P_INT, offsetof(struct params, iterations), "100", 1, 1e6, NULL, "n",
	  "steps from the weighted mean at most; less where it no longer moves" },
	{ 0 }
};

/* Where no weight moves by more, the iteration has come to rest. */
static const double still = 1e-15;

/* w(K) <- the next weights, d(K) room; the largest change. */
static double iterate(const struct params *p, const double *G, const double *share, size_t K,
                      double *w, double *d)
{
	double square = 0, sum = 0, most = 0;

	for (size_t k = 0; k < K; k++) {
		d[k] = 0;
		for (size_t j = 0; j < K; j++)
			d[k] += G[k * K + j] * w[j];
		square += w[k] * d[k];
	}
	for (size_t k = 0; k < K; k++) {
		double far = G[k * K + k] - 2 * d[k] + square;

		far = far > 0 ? sqrt(far) : 0;		/* rounding */
		d[k] = share[k] / (far > p->nu ? far : p->nu);
		sum += d[k];
	}
	for (size_t k = 0; k < K; k++) {
		double change = fabs(d[k] / sum - w[k]);

		most = change > most ? change : most;
		w[k] = d[k] / sum;
	}
	return most;
}

static int weigh(const void *pp, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	const struct params *p = pp;
	size_t K = r->K;
	double *room = fl_alloc(K, 2 * sizeof *room, e), sum = 0;

	if (!room)
		return -1;
	for (size_t k = 0; k < K; k++)
		sum += room[k] = fl_share_of(p->weight, &r->u[k]);
	for (size_t k = 0; k < K; k++)
		q->w[k] = room[k] /= sum;
	for (int64_t i = 0; i < p->iterations; i++)
		if (iterate(p, q->G, room, K, q->w, room + K) <= still)
			break;
	free(room);
	return 0;
}

const struct fl_rule fl_rule_geomed = {
	.e = {
		.name = "geomed",
		.title = "geometric median, RFA",
		.cite = "Pillutla, Kakade and Harchaoui, IEEE TSP 2022, arXiv 1912.13445",
		.doc = "the point with the least sum of distances to the updates",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = argmin of sum_k p_k |u - u_k|",
	},
	.flags = FL_RULE_INNER,
	.weigh = weigh,
};
