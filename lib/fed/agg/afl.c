/* Agnostic federated learning: descent for the model, ascent for the worst mixture.
 *   u = sum lambda_k u_k;  lambda <- projection of lambda + gamma F on the simplex.
 * F_k is the loss at the received model, so both move from the same point. lambda_k
 * is kept of each client; one that is new begins with the mean of those known. The paper
 * has all clients in each round, or one drawn at random, whose numbers count for all.
 * Where some of N are away and m at hand, either of
 *   share     those at hand share out among themselves what they held together
 *   estimate  u = N/m sum lambda_k u_k over those at hand; lambda of all N is projected,
 *             F_k counting N/m times, 0 of those away: the paper's way with m drawn */
#include <stdlib.h>
#include <string.h>

#include "fed/agg/agg.h"
#include "fed/share.h"

enum absent { SHARE, ESTIMATE };

struct params {
	double gamma;
	int weight, absent;
};

static const char *const absents[] = { "share", "estimate", NULL };

static const struct fl_param table[] = {
	{ "gamma", FL_P_REAL, offsetof(struct params, gamma), "0.1", 0, 1e6, NULL, "rate",
	  "rate of the weights' ascent" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "uniform", 0, 0,
	  fl_share_name, "kind",
	  "weights of the first round: equal, or by training examples" },
	{ "absent", FL_P_ENUM, offsetof(struct params, absent), "share", 0, 0, absents, "how",
	  "those at hand share out what they held, or stand for all" },
	{ 0 }
};

static int descending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* y(K) -> the nearest point with y >= 0 and sum 1: max(y - t, 0). */
static int project(double *y, size_t K, struct fl_err *e)
{
	double *v = fl_alloc(K, sizeof *v, e), sum = -1, t = 0;

	if (!v)
		return -1;
	for (size_t k = 0; k < K; k++)
		v[k] = y[k];
	qsort(v, K, sizeof *v, descending);
	for (size_t k = 0; k < K; k++) {
		sum += v[k];
		if (v[k] > sum / (double)(k + 1))
			t = sum / (double)(k + 1);
	}
	for (size_t k = 0; k < K; k++)
		y[k] = y[k] > t ? y[k] - t : 0;
	free(v);
	return 0;
}

static double mean_known(const struct fl_kept_rows *known)
{
	double mean = 0;

	for (size_t k = 0; k < known->n; k++)
		mean += known->value[k] / (double)known->n;
	return mean;
}

/* What clients held before the round, in w; returns their sum. */
static double begin(const struct params *p, const struct fl_round *r, struct fl_weights *q)
{
	double mean = mean_known(r->known), sum = 0;

	for (size_t k = 0; k < r->K; k++) {
		q->w[k] = r->row[k] ? *r->row[k] : r->known->n ? mean :
		          fl_share_of(p->weight, &r->u[k]);
		sum += q->w[k];
	}
	return sum;
}

/* Weights of nothing: of equal parts of it. */
static double level(const struct fl_round *r, struct fl_weights *q)
{
	double mean = mean_known(r->known), each = mean > 0 ? mean : 1;

	for (size_t k = 0; k < r->K; k++)
		q->w[k] = each;
	return (double)r->K * each;
}

/* Those at hand share out what they hold together. */
static int share(const struct params *p, const struct fl_round *r, struct fl_weights *q,
                 struct fl_err *e)
{
	double *next = fl_alloc(r->K, sizeof *next, e), sum = begin(p, r, q);
	int rc;

	if (!next)
		return -1;
	if (!(sum > 0))
		sum = level(r, q);
	for (size_t k = 0; k < r->K; k++) {
		q->w[k] /= sum;
		next[k] = q->w[k] + p->gamma * r->u[k].loss0;
	}
	rc = project(next, r->K, e);
	for (size_t k = 0; k < r->K; k++)
		*r->keep[k] = sum * next[k];
	free(next);
	return rc;
}

/* What is held together by those away, which are marked by 1 in away(known->n). */
static double absent(const struct fl_round *r, unsigned char *away)
{
	double sum = 0;

	memset(away, 1, r->known->n);
	for (size_t k = 0; k < r->K; k++)
		if (r->row[k])
			away[r->row[k] - r->known->value] = 0;
	for (size_t i = 0; i < r->known->n; i++)
		sum += away[i] ? r->known->value[i] : 0;
	return sum;
}

/* next(N): those at hand, then those away. The weights of all are of `sum`. */
static int move_all(const struct params *p, const struct fl_round *r, struct fl_weights *q,
                    double sum, const unsigned char *away, double *next, struct fl_err *e)
{
	size_t N = r->K, K = r->K;
	double times;

	for (size_t i = 0; i < r->known->n; i++)
		if (away[i])
			next[N++] = r->known->value[i] / sum;
	times = (double)N / (double)K;
	for (size_t k = 0; k < K; k++) {
		q->w[k] /= sum;
		next[k] = q->w[k] + p->gamma * times * r->u[k].loss0;
		q->w[k] *= times;
	}
	if (project(next, N, e))
		return -1;
	for (size_t k = 0; k < K; k++)
		*r->keep[k] = sum * next[k];
	for (size_t i = 0, n = K; i < r->known->n; i++)
		if (away[i])
			r->after[i] = sum * next[n++];
	return 0;
}

static int estimate(const struct params *p, const struct fl_round *r, struct fl_weights *q,
                    struct fl_err *e)
{
	double *next = fl_alloc(r->K + r->known->n, sizeof *next, e);
	unsigned char *away = fl_alloc(r->known->n, 1, e);
	int rc = -1;

	if (next && away)
		rc = move_all(p, r, q, begin(p, r, q) + absent(r, away), away, next, e);
	free(next);
	free(away);
	return rc;
}

static int weigh(const void *pp, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	const struct params *p = pp;

	return p->absent == SHARE ? share(p, r, q, e) : estimate(p, r, q, e);
}

const struct fl_rule fl_rule_afl = {
	.e = {
		.name = "afl",
		.title = "AFL",
		.cite = "Mohri, Sivek and Suresh, ICML 2019, arXiv 1902.00146",
		.doc = "minimax: weights climb with the losses, on the simplex",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum lambda_k u_k; lambda = projection of lambda + gamma F on the simplex",
		.note = "The paper has all clients in each round, or draws. Of N known clients with m at "
			"hand, absent=share lets those share out what they held together, with weights "
			"that sum to 1; absent=estimate is the paper's draw of m: u = N/m sum lambda_k "
			"u_k, and all N are projected, the F_k at hand counting N/m times, others 0. A "
			"new client begins with the mean of those known. The model is the last one; the "
			"paper's bounds are for the mean over rounds.",
	},
	.needs = FL_NEED_LOSS0,
	.nrow = 1,
	.weigh = weigh,
};
