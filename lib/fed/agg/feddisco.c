/* FedDisco: clients whose labels are distributed as wanted count more.
 * Ye et al., "FedDisco: federated learning with discrepancy-aware collaboration", ICML 2023:
 *   w_k = max(p_k - a d_k + b, 0), normalised;  p_k = n_k / sum n
 * d_k is how far the client's shares of classes D_k are from a reference R:
 *   kl      sum_c D log(D/R), divided by its sum over the clients at hand (all 0: 0)
 *   l1, l2  the norm of D - R
 *   cosine  1 - <D, R>/(|D| |R|)
 * R is uniform, or the counts of the statistic classmean that --with brings. Where no weight
 * is above 0, which the paper leaves open, it is the mean. */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "fed/agg/agg.h"
#include "fed/with.h"

enum metric { KL, L1, L2, COSINE };

struct params {
	double a, b;
	int metric;
};

static const char *const metrics[] = { "kl", "l1", "l2", "cosine", NULL };

static const struct fl_param table[] = {
	{ "a", FL_P_REAL, offsetof(struct params, a), "0.5", 0, 1e6, NULL, "a",
	  "what a discrepancy costs in weight" },
	{ "b", FL_P_REAL, offsetof(struct params, b), "0.1", -1e6, 1e6, NULL, "b",
	  "added to every client's weight" },
	{ "metric", FL_P_ENUM, offsetof(struct params, metric), "kl", 0, 0, metrics, "how",
	  "how far a client's classes are from the reference" },
	{ 0 }
};

static const struct fl_fact facts[] = { { "counts", FL_I64, 1, 0 }, { .name = NULL } };
static const struct fl_want wants[] = {
	{ FL_KIND_STATS, "classmean", FL_WANT_OPTIONAL, NULL }, { .kind = FL_KIND_NONE }
};

/* n(C) of counts -> shares D(C). */
static int make_shares(const struct fl_tensor *n, size_t C, double *D, struct fl_err *e)
{
	double sum = 0;

	if (n->n != C)
		return fl_fail(e, FL_EDATA, "tensor '%s' is of %zu classes, want %zu", n->name, n->n, C);
	for (size_t c = 0; c < C; c++) {
		int64_t v = ((const int64_t *)n->data)[c];

		if (v < 0)
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is %lld, want 0 or more",
			               n->name, c, (long long)v);
		sum += D[c] = (double)v;
	}
	for (size_t c = 0; c < C; c++)
		D[c] /= sum;
	return sum > 0 ? 0 : fl_fail(e, FL_EDATA, "tensor '%s' has no example", n->name);
}

static int get_reference(const struct fl_round *r, size_t C, double *R, struct fl_err *e)
{
	const struct fl_tset *rec = NULL;
	const struct fl_tensor *n;

	if (!r->with || fl_with_one(r->with, wants, -1, r->who, &rec, e) == 0) {
		for (size_t c = 0; c < C; c++)
			R[c] = 1 / (double)C;
		return 0;
	}
	if (!rec)
		return -1;
	n = fl_tset_find(rec, "count");
	if (!n || n->dtype != FL_I64 || n->ndim != 1)
		return fl_fail(e, FL_EDATA, "--with: the statistic has no tensor 'count'");
	return make_shares(n, C, R, e) ? fl_fail_in(e, "--with") : 0;
}

static double kl(const double *D, const double *R, size_t C)
{
	double d = 0;

	for (size_t c = 0; c < C; c++)
		d += D[c] > 0 ? D[c] * fl_log(D[c] / R[c]) : 0;
	return d > 0 ? d : 0;		/* rounding */
}

static double distance(int metric, const double *D, const double *R, size_t C)
{
	double l1 = 0, l2 = 0, dot = 0, d2 = 0, r2 = 0;

	if (metric == KL)
		return kl(D, R, C);
	for (size_t c = 0; c < C; c++) {
		l1 += fabs(D[c] - R[c]);
		l2 += (D[c] - R[c]) * (D[c] - R[c]);
		dot += D[c] * R[c];
		d2 += D[c] * D[c];
		r2 += R[c] * R[c];
	}
	return metric == L1 ? l1 : metric == L2 ? sqrt(l2) : 1 - dot / sqrt(d2 * r2);
}

/* d(K), D(C) room. */
static int get_discrepancies(const struct params *p, const struct fl_round *r, size_t C,
                             const double *R, double *D, double *d, struct fl_err *e)
{
	double sum = 0;

	for (size_t k = 0; k < r->K; k++) {
		if (make_shares(fl_fact_of(r->update[k], "counts"), C, D, e))
			return fl_fail_in(e, "client %lld", (long long)r->u[k].client);
		sum += d[k] = distance(p->metric, D, R, C);
		if (!isfinite(d[k]))
			return fl_fail(e, FL_EDATA, "client %lld: has examples of a class of which the "
			               "reference of --with has none; metric=l1, l2 or cosine take that",
			               (long long)r->u[k].client);
	}
	for (size_t k = 0; k < r->K && p->metric == KL && sum > 0; k++)
		d[k] /= sum;
	return 0;
}

static void set_weights(const struct params *p, const struct fl_round *r, const double *d,
                        double *w)
{
	double examples = 0, sum = 0;

	for (size_t k = 0; k < r->K; k++)
		examples += (double)r->u[k].examples;
	for (size_t k = 0; k < r->K; k++) {
		w[k] = (double)r->u[k].examples / examples - p->a * d[k] + p->b;
		w[k] = w[k] > 0 ? w[k] : 0;
		sum += w[k];
	}
	for (size_t k = 0; k < r->K; k++)
		w[k] = sum > 0 ? w[k] / sum : (double)r->u[k].examples / examples;
}

static int weigh(const void *pp, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	const struct params *p = pp;
	size_t C = fl_fact_of(r->update[0], "counts")->n;
	double *R = fl_alloc(C, sizeof *R, e), *D = fl_alloc(C, sizeof *D, e);
	double *d = fl_alloc(r->K, sizeof *d, e);
	int rc = -1;

	if (R && D && d && !get_reference(r, C, R, e) && !get_discrepancies(p, r, C, R, D, d, e)) {
		set_weights(p, r, d, q->w);
		rc = 0;
	}
	free(R);
	free(D);
	free(d);
	return rc;
}

const struct fl_rule fl_rule_feddisco = {
	.e = {
		.name = "feddisco",
		.title = "FedDisco",
		.cite = "Ye et al., ICML 2023, arXiv 2305.19229",
		.doc = "clients whose classes are distributed as wanted count more",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum w_k u_k, w_k = max(p_k - a d_k + b, 0) / sum of it; d_k the "
			   "discrepancy between the client's classes and the reference",
		.note = "The reference is uniform, or the counts of a statistic classmean by --with. "
			"metric=kl divides by its sum over the clients of the round, as the paper's code "
			"does. Where no weight is above 0, clients count by their examples.",
	},
	.facts = facts,
	.with = wants,
	.weigh = weigh,
};
