/* Krum and multi-Krum.
 * Blanchard et al., "Machine learning with adversaries: Byzantine tolerant
 * gradient descent", NeurIPS 2017: the score of a client is the sum of squared
 * distances to its K-f-2 nearest others; the m lowest scores are averaged. */
#include <stdlib.h>

#include "fed/agg/agg.h"

struct params {
	int64_t f, m;
};

static const struct fl_param table[] = {
	{ "f", FL_P_INT, offsetof(struct params, f), "1", 0, 1e6, NULL, "n",
	  "clients that may be malicious; at least 2f+3 must take part" },
	{ "m", FL_P_INT, offsetof(struct params, m), "1", 1, 1e6, NULL, "n",
	  "updates that are averaged, at most K-f" },
	{ 0 }
};

struct scored {
	double score;
	size_t k;
};

/* Equal scores: the lower client id first. */
static int cmp_score(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return (x->k > y->k) - (x->k < y->k);
}

static int cmp_real(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int check(const void *pp, size_t K, struct fl_err *e)
{
	const struct params *p = pp;

	if (K < (size_t)(2 * p->f + 3))
		return fl_fail(e, FL_EDATA, "%zu clients, f=%lld wants %lld or more", K,
		               (long long)p->f, (long long)(2 * p->f + 3));
	if ((size_t)p->m > K - (size_t)p->f)
		return fl_fail(e, FL_EDATA, "%zu clients with f=%lld allow m up to %zu, not %lld", K,
		               (long long)p->f, K - (size_t)p->f, (long long)p->m);
	return 0;
}

/* Sum of the n smallest squared distances of k to the others; d(K) is room. */
static double score(const double *G, size_t K, size_t k, size_t n, double *d)
{
	double sum = 0;
	size_t j, i = 0;

	for (j = 0; j < K; j++)
		if (j != k) {
			d[i] = G[k * K + k] + G[j * K + j] - 2 * G[k * K + j];
			d[i] = d[i] > 0 ? d[i] : 0;	/* rounding */
			i++;
		}
	qsort(d, i, sizeof *d, cmp_real);
	for (i = 0; i < n; i++)
		sum += d[i];
	return sum;
}

static int weigh(const void *pp, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	const struct params *p = pp;
	size_t K = r->K, k;
	struct scored *s = fl_alloc(K, sizeof *s, e);
	double *d = fl_alloc(K, sizeof *d, e);

	for (k = 0; s && d && k < K; k++)
		s[k] = (struct scored){ score(q->G, K, k, K - (size_t)p->f - 2, d), k };
	if (s && d) {
		qsort(s, K, sizeof *s, cmp_score);
		for (k = 0; k < K; k++)
			q->w[s[k].k] = k < (size_t)p->m ? 1 / (double)p->m : 0;
	}
	k = s && d;
	free(s);
	free(d);
	return k ? 0 : -1;
}

const struct fl_rule fl_rule_krum = {
	.e = {
		.name = "krum",
		.title = "Krum, multi-Krum",
		.cite = "Blanchard et al., NeurIPS 2017, arXiv 1703.02757",
		.doc = "mean of the m updates that lie closest to their neighbours",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "score_k = sum over the K-f-2 nearest j of |u_k - u_j|^2; "
			   "u = mean of the m lowest scores",
	},
	.check = check,
	.flags = FL_RULE_INNER,
	.weigh = weigh,
};
