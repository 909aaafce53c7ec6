/* Agnostic federated learning: descent for the model, ascent for the worst mixture.
 *   u = sum lambda_k u_k;  lambda <- projection of lambda + gamma F on the simplex.
 * F_k is the loss at the received model, so both move from the same point. lambda_k
 * is kept of each client. Where some are away, those at hand share out among
 * themselves what they held together; a client that is new begins with the mean of
 * those known. */
#include <stdlib.h>

#include "fed/agg/agg.h"

enum weight { UNIFORM, EXAMPLES };

struct params {
	double gamma;
	int weight;
};

static const char *const weights[] = { "uniform", "examples", NULL };

static const struct fl_param table[] = {
	{ "gamma", FL_P_REAL, offsetof(struct params, gamma), "0.1", 0, 1e6, NULL, "rate",
	  "rate of the weights' ascent" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "uniform", 0, 0, weights, "kind",
	  "weights of the first round: equal, or by training examples" },
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

/* What clients held before the round, in w; returns their sum. */
static double begin(const struct params *p, const struct fl_weigh *q)
{
	const struct fl_rows *known = q->known;
	double mean = 0, sum = 0;

	for (size_t k = 0; k < known->n; k++)
		mean += known->value[k] / (double)known->n;
	for (size_t k = 0; k < q->K; k++) {
		q->w[k] = q->row[k] ? *q->row[k] : known->n ? mean :
		          p->weight == EXAMPLES ? (double)q->u[k].examples : 1;
		sum += q->w[k];
	}
	/* Weights of nothing: of equal parts of it. */
	for (size_t k = 0; k < q->K && !(sum > 0); k++)
		q->w[k] = mean > 0 ? mean : 1;
	return sum > 0 ? sum : (double)q->K * (mean > 0 ? mean : 1);
}

static int weigh(const void *pp, const struct fl_weigh *q, struct fl_err *e)
{
	const struct params *p = pp;
	double sum = begin(p, q), *next = fl_alloc(q->K, sizeof *next, e);
	int rc;

	if (!next)
		return -1;
	for (size_t k = 0; k < q->K; k++) {
		q->w[k] /= sum;
		next[k] = q->w[k] + p->gamma * q->u[k].loss0;
	}
	rc = project(next, q->K, e);
	for (size_t k = 0; k < q->K; k++)
		*q->keep[k] = sum * next[k];
	free(next);
	return rc;
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
	},
	.needs = FL_NEED_LOSS0,
	.nrow = 1,
	.weigh = weigh,
};
