/* FedRE: one vector in place of a prototype a class. Of the classes that a client has,
 *   r = sum_c u_c mean_c,  u_c ~ U(0,1) / sum of these,
 * drawn anew each round; u over all classes is its soft label. Tensors mean (1,d; F32), soft
 * (1,C; F32), classes (1; I64, how many the client has). Pooled, clients' rows stand one below
 * the other, ascending. As in the released code, weights are over prototypes; the paper's
 * abstract speaks of representations. */
#include <string.h>

#include "fed/stat/rows.h"

/* u(C): weights of the classes that are there; returns their number. */
static int64_t draw_weights(const struct fl_stat_ctx *c, const int64_t *count, double *u)
{
	struct fl_rng r;
	double sum = 0;
	int64_t n = 0;

	fl_rng_init(&r, c->seed, c->round, (uint64_t)c->client, FL_RNG_METHOD, 0);
	for (size_t k = 0; k < c->C; k++) {
		u[k] = count[k] > 0 ? fl_rng_open(&r) : 0;
		sum += u[k];
		n += count[k] > 0;
	}
	for (size_t k = 0; k < c->C && sum > 0; k++)
		u[k] /= sum;
	return n;
}

static int put_row(const struct fl_stat_ctx *c, const struct fl_tset *means, const double *u,
                   int64_t classes, struct fl_tset *out, struct fl_err *e)
{
	const float *mean = fl_tset_find(means, "mean")->data;
	struct fl_tensor *t;
	size_t one = 1;

	if (!(t = fl_tset_add(out, "mean", FL_F32, 2, (size_t[]){ 1, c->d }, NULL, e)))
		return -1;
	for (size_t i = 0; i < c->d; i++) {
		double sum = 0;

		for (size_t k = 0; k < c->C; k++)
			sum += u[k] * (double)mean[k * c->d + i];
		((float *)t->data)[i] = (float)sum;
	}
	if (!(t = fl_tset_add(out, "soft", FL_F32, 2, (size_t[]){ 1, c->C }, NULL, e)))
		return -1;
	for (size_t k = 0; k < c->C; k++)
		((float *)t->data)[k] = (float)u[k];
	if (!(t = fl_tset_add(out, "classes", FL_I64, 1, &one, NULL, e)))
		return -1;
	*(int64_t *)t->data = classes;
	return 0;
}

static int end(const void *p, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e)
{
	struct fl_tset means = { .t = NULL };
	double *u = fl_arena_get(c->arena, c->C, sizeof *u, e);
	int64_t n;
	int rc = -1;

	(void)p;
	if (u && !fl_rows_end(c, &means, e)) {
		n = draw_weights(c, fl_tset_find(&means, "count")->data, u);
		rc = n ? put_row(c, &means, u, n, out, e) : fl_fail(e, FL_EDATA, "has no example");
	}
	fl_tset_release(&means);
	return rc;
}

/* out's tensor name: rows of all clients. */
static int stack(const struct fl_pool *q, const char *name, struct fl_tset *out, struct fl_err *e)
{
	const struct fl_tensor *first = fl_pool_need(q, 0, name, FL_F32, 2, e);
	struct fl_tensor *t;

	if (!first || !(t = fl_tset_add(out, name, FL_F32, 2,
	                                (size_t[]){ q->K * first->dim[0], first->dim[1] }, NULL, e)))
		return -1;
	for (size_t k = 0; k < q->K; k++) {
		const struct fl_tensor *row = fl_pool_need(q, k, name, FL_F32, 2, e);

		if (!row)
			return -1;
		memcpy((char *)t->data + k * row->bytes, row->data, row->bytes);
	}
	return 0;
}

static int pool(const void *p, const struct fl_pool *q, struct fl_tset *out, struct fl_err *e)
{
	(void)p;
	return stack(q, "mean", out, e) || stack(q, "soft", out, e) ? -1 : 0;
}

const struct fl_stat fl_stat_entangled = {
	.e = {
		.name = "entangled",
		.title = "Entangled representation",
		.cite = "Xie et al., 2025, arXiv 2511.22265 (FedRE)",
		.doc = "one random mixture of the client's class means, with its soft label",
		.formula = "r = sum_c u_c mean_c, u ~ U(0,1)^C over the client's classes, sum 1",
	},
	.begin = fl_rows_features_begin,
	.batch = fl_rows_features,
	.end = end,
	.pool = pool,
};
