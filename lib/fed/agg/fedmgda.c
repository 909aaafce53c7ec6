/* FedMGDA+: the shortest vector among the mixtures of unit updates whose weights
 * stay within eps of FedAvg's, a direction that no client's loss grows in.
 *   minimise |sum w_k d_k|^2, d_k = u_k/|u_k|, sum w = 1, |w_k - p_k| <= eps, w >= 0.
 * Solved on the inner products, two weights at a time: the pair with the largest
 * difference of gradients moves to its best point. */
#include <math.h>
#include <stdlib.h>

#include "fed/agg/agg.h"
#include "fed/share.h"

struct params {
	double eps;
	int normalise, weight;
};

static const struct fl_param table[] = {
	{ "eps", FL_P_REAL, offsetof(struct params, eps), "0.1", 0, 1, NULL, "eps",
	  "how far weights may be from FedAvg's; 1 is MGDA" },
	{ "normalise", FL_P_BOOL, offsetof(struct params, normalise), "on", 0, 0, NULL, NULL,
	  "updates count by direction; the server's lr then is the step's size" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0,
	  fl_share_name, "kind",
	  "FedAvg's weights: by training examples, or equal" },
	{ 0 }
};

/* Steps at most, and where gradients are as good as equal: the unit is a squared
 * norm, the largest of them. */
enum { STEPS = 100000 };
static const double equal = 1e-12;

struct box {
	const double *Q;	/* (K,K) inner products of what is mixed */
	double *w, *p;		/* (K) weights, FedAvg's */
	double *g;		/* (K) Q w */
	size_t K;
	double eps, scale;
};

static double room_down(const struct box *b, size_t k)
{
	double low = b->p[k] - b->eps;

	return b->w[k] - (low > 0 ? low : 0);
}

static double room_up(const struct box *b, size_t k)
{
	double high = b->p[k] + b->eps;

	return (high < 1 ? high : 1) - b->w[k];
}

/* Moves weight from the worst client to the best. 0: there is nothing to gain. */
static int move(struct box *b)
{
	size_t from = b->K, to = b->K, K = b->K;
	double step, curve, most;

	for (size_t k = 0; k < K; k++) {
		if (room_down(b, k) > 0 && (from == K || b->g[k] > b->g[from]))
			from = k;
		if (room_up(b, k) > 0 && (to == K || b->g[k] < b->g[to]))
			to = k;
	}
	if (from == K || to == K || !(b->g[from] - b->g[to] > equal * b->scale))
		return 0;
	curve = b->Q[from * K + from] + b->Q[to * K + to] - 2 * b->Q[from * K + to];
	most = fmin(room_down(b, from), room_up(b, to));
	step = curve > 0 ? fmin(most, (b->g[from] - b->g[to]) / curve) : most;
	b->w[from] -= step;
	b->w[to] += step;
	for (size_t k = 0; k < K; k++)
		b->g[k] += step * (b->Q[k * K + to] - b->Q[k * K + from]);
	return 1;
}

static void solve(struct box *b)
{
	for (size_t k = 0; k < b->K; k++) {
		b->w[k] = b->p[k];
		b->scale = fmax(b->scale, b->Q[k * b->K + k]);
	}
	for (size_t k = 0; k < b->K; k++)
		for (size_t j = 0; j < b->K; j++)
			b->g[k] += b->Q[k * b->K + j] * b->w[j];
	for (int i = 0; i < STEPS && move(b); i++)
		;
}

/* 1/|u_k|; an update of zeros stays as it is. */
static double factor(const struct params *p, double square)
{
	return p->normalise && square > 0 ? 1 / sqrt(square) : 1;
}

static int weigh(const void *pp, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	const struct params *p = pp;
	const double *G = q->G;
	size_t K = r->K;
	double *Q = fl_alloc(K * K, sizeof *Q, e), *room = fl_alloc(K, 2 * sizeof *room, e), sum = 0;
	struct box b = { .Q = Q, .w = q->w, .p = room, .g = room + K, .K = K, .eps = p->eps };

	for (size_t k = 0; Q && room && k < K; k++)
		sum += b.p[k] = fl_share_of(p->weight, &r->u[k]);
	for (size_t k = 0; Q && room && k < K; k++) {
		b.p[k] /= sum;
		for (size_t j = 0; j < K; j++)
			Q[k * K + j] = G[k * K + j] * factor(p, G[k * K + k]) * factor(p, G[j * K + j]);
	}
	if (Q && room)
		solve(&b);
	for (size_t k = 0; Q && room && k < K; k++) {
		q->share[k] = q->w[k];
		q->w[k] *= factor(p, G[k * K + k]);
	}
	free(Q);
	free(room);
	return e->code ? -1 : 0;
}

const struct fl_rule fl_rule_fedmgda = {
	.e = {
		.name = "fedmgda",
		.title = "FedMGDA+",
		.cite = "Hu et al., IEEE TNSE 2022, arXiv 2006.11489",
		.doc = "the shortest mixture of unit updates near FedAvg's weights",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum w_k u_k/|u_k|, w = argmin |u|^2 over sum w = 1, |w_k - p_k| <= eps",
	},
	.flags = FL_RULE_ORIGIN,
	.weigh = weigh,
};
