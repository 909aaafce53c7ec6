/* What the columns of clients' data hold: of each input as it is stored, whatever fl.scale
 * and fl.fill make of it, count (d; I64) of the values that are there, their mean (d; F64)
 * and population variance var (d; F64). Pooled, they are those of all clients' values:
 *   n = sum n_k;  mean = sum n_k mean_k / n;  var = sum n_k (var_k + (mean_k - mean)^2) / n.
 * Sums in double by ascending client, of means less the first: equal ones stay as they are. */
#include "data/columns.h"
#include "fed/stat/stat.h"

static int begin(const void *p, struct fl_stat_ctx *c, struct fl_err *e)
{
	struct fl_columns *out = fl_arena_get(c->arena, 1, sizeof *out, e);

	(void)p;
	if (!out)
		return -1;
	if (!c->data->x)
		return fl_fail(e, FL_EDATA, "%s is of examples with 'x', not of pairs", c->who);
	c->priv = out;
	return fl_columns_measure(c->data, NULL, out, c->arena, e);
}

/* All is known from the data. */
static int batch(const void *p, struct fl_stat_ctx *c, const float *f, const float *z,
                 const int32_t *y, size_t B, struct fl_err *e)
{
	(void)p, (void)c, (void)f, (void)z, (void)y, (void)B, (void)e;
	return 0;
}

static int put(struct fl_tset *out, const struct fl_columns *c, struct fl_err *e)
{
	return fl_tset_add(out, "mean", FL_F64, 1, &c->d, c->mean, e) &&
	       fl_tset_add(out, "var", FL_F64, 1, &c->d, c->var, e) &&
	       fl_tset_add(out, "count", FL_I64, 1, &c->d, c->n, e) ? 0 : -1;
}

static int end(const void *p, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e)
{
	(void)p;
	return put(out, c->priv, e);
}

/* --- all clients --- */

static int get_part(const struct fl_pool *q, size_t k, struct fl_columns *out, struct fl_err *e)
{
	const struct fl_tensor *m = fl_pool_need(q, k, "mean", FL_F64, 1, e), *v, *n;

	if (!m || !(v = fl_pool_need(q, k, "var", FL_F64, 1, e)) ||
	    !(n = fl_pool_need(q, k, "count", FL_I64, 1, e)))
		return -1;
	if (n->n != m->n || v->n != m->n)
		return fl_fail(e, FL_EDATA, "client %lld: count, mean and var do not fit",
		               (long long)q->client[k]);
	*out = (struct fl_columns){ m->n, n->data, m->data, v->data };
	return 0;
}

/* What column j has at all clients; parts(K). */
static int pool_column(const struct fl_columns *part, size_t K, size_t j, struct fl_columns *out,
                       struct fl_err *e)
{
	double first = 0, n = 0, sum = 0;

	for (size_t k = 0; k < K; k++) {
		if (part[k].n[j] > INT64_MAX - out->n[j])
			return fl_fail(e, FL_EDATA, "column %zu: more values than can be counted", j);
		if (part[k].n[j] && !out->n[j])
			first = part[k].mean[j];
		out->n[j] += part[k].n[j];
		sum += (double)part[k].n[j] * (part[k].mean[j] - first);
	}
	if (!out->n[j])
		return 0;
	n = (double)out->n[j];
	out->mean[j] = first + sum / n;
	for (size_t k = 0; k < K; k++) {
		double gap = part[k].mean[j] - out->mean[j];

		out->var[j] += (double)part[k].n[j] / n * (part[k].var[j] + gap * gap);
	}
	return 0;
}

static int pool(const void *p, const struct fl_pool *q, struct fl_tset *out, struct fl_err *e)
{
	struct fl_columns *part = fl_arena_get(&out->arena, q->K, sizeof *part, e), all;

	(void)p;
	if (!part)
		return -1;
	for (size_t k = 0; k < q->K; k++)
		if (get_part(q, k, &part[k], e))
			return -1;
	all.d = part[0].d;
	if (!(all.n = fl_arena_zero(&out->arena, all.d, sizeof *all.n, e)) ||
	    !(all.mean = fl_arena_zero(&out->arena, all.d, sizeof *all.mean, e)) ||
	    !(all.var = fl_arena_zero(&out->arena, all.d, sizeof *all.var, e)))
		return -1;
	for (size_t j = 0; j < all.d; j++)
		if (pool_column(part, q->K, j, &all, e))
			return -1;
	return put(out, &all, e);
}

const struct fl_stat fl_stat_columns = {
	.e = {
		.name = "columns",
		.title = "Columns of tables",
		.cite = "Chan, Golub and LeVeque, COMPSTAT 1982",
		.doc = "count, mean and variance of each input as stored; for --scale-from",
		.formula = "mean_j = 1/n_j sum of x_j; var_j = 1/n_j sum of (x_j - mean_j)^2, over the values "
		           "that are there",
	},
	.any_label = 1,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = pool,
};
