/* Means of rows by class. */
#include "fed/stat/rows.h"

#include "base/num.h"
#include "fed/share.h"

const struct fl_param fl_rows_table[] = {
	{ "weight", FL_P_ENUM, offsetof(struct fl_rows_params, weight), "examples", 0, 0,
	  fl_share_name,
	  "kind", "pooled, a client's mean counts its examples of the class, or one" },
	FL_STAT_TAP(struct fl_rows_params),
	{ 0 }
};

const char *fl_rows_tap(const void *p)
{
	return ((const struct fl_rows_params *)p)->tap;
}

struct sums {
	size_t width;
	double *sum;		/* (C, width) */
	int64_t *count;		/* (C) */
};

int fl_rows_begin(struct fl_stat_ctx *c, size_t width, struct fl_err *e)
{
	struct sums *s = fl_arena_get(c->arena, 1, sizeof *s, e);
	size_t n;

	if (fl_mul(c->C, width, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!s || !(s->sum = fl_arena_zero(c->arena, n, sizeof *s->sum, e)) ||
	    !(s->count = fl_arena_zero(c->arena, c->C, sizeof *s->count, e)))
		return -1;
	s->width = width;
	c->priv = s;
	return 0;
}

void fl_rows_add(struct fl_stat_ctx *c, const float *x, const int32_t *y, size_t B)
{
	struct sums *s = c->priv;

	for (size_t b = 0; b < B; b++, x += s->width) {
		double *sum = s->sum + (size_t)y[b] * s->width;

		for (size_t i = 0; i < s->width; i++)
			sum[i] += (double)x[i];
		s->count[y[b]]++;
	}
}

int fl_rows_features_begin(const void *p, struct fl_stat_ctx *c, struct fl_err *e)
{
	(void)p;
	return fl_rows_begin(c, c->d, e);
}

int fl_rows_features(const void *p, struct fl_stat_ctx *c, const float *f, const float *z,
                     const int32_t *y, size_t B, struct fl_err *e)
{
	(void)p;
	(void)z;
	(void)e;
	fl_rows_add(c, f, y, B);
	return 0;
}

static int put(struct fl_tset *out, const double *sum, const double *weight, int64_t *count,
               size_t C, size_t width, struct fl_err *e)
{
	struct fl_tensor *t = fl_tset_add(out, "mean", FL_F32, 2, (size_t[]){ C, width }, NULL, e);
	float *mean;

	if (!t)
		return -1;
	mean = t->data;
	for (size_t k = 0; k < C; k++)
		for (size_t i = k * width; weight[k] > 0 && i < (k + 1) * width; i++)
			mean[i] = (float)(sum[i] / weight[k]);
	return fl_tset_add(out, "count", FL_I64, 1, &C, count, e) ? 0 : -1;
}

int fl_rows_end(struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e)
{
	const struct sums *s = c->priv;
	double *weight = fl_arena_get(c->arena, c->C, sizeof *weight, e);

	for (size_t k = 0; weight && k < c->C; k++)
		weight[k] = (double)s->count[k];
	return weight ? put(out, s->sum, weight, s->count, c->C, s->width, e) : -1;
}

/* Adds a client to the sums, and to the number of those who have a class. */
static int add(const struct fl_pool *q, size_t k, int uniform, double *sum, double *weight,
               int64_t *count, int64_t *clients, struct fl_err *e)
{
	const struct fl_tensor *mean = fl_pool_need(q, k, "mean", FL_F32, 2, e);
	const struct fl_tensor *n = mean ? fl_pool_need(q, k, "count", FL_I64, 1, e) : NULL;
	const float *m;
	const int64_t *each;

	if (!n)
		return -1;
	if (n->n != mean->dim[0])
		return fl_fail(e, FL_EDATA, "client %lld: %zu counts of %zu means",
		               (long long)q->client[k], n->n, mean->dim[0]);
	for (m = mean->data, each = n->data; n->n && each < (const int64_t *)n->data + n->n; each++) {
		double w = uniform ? *each > 0 : (double)*each;

		if (*each > INT64_MAX - *count)
			return fl_fail(e, FL_EDATA, "client %lld: a count of %lld",
			               (long long)q->client[k], (long long)*each);
		for (size_t i = 0; i < mean->dim[1]; i++)
			*sum++ += w * (double)*m++;
		*weight++ += w;
		*count++ += *each;
		*clients++ += *each > 0;
	}
	return 0;
}

int fl_rows_pool(const struct fl_pool *q, int uniform, struct fl_tset *out, struct fl_err *e)
{
	const struct fl_tensor *mean = fl_pool_need(q, 0, "mean", FL_F32, 2, e);
	double *sum, *weight;
	int64_t *count, *clients;

	if (!mean || !(sum = fl_arena_zero(&out->arena, mean->n, sizeof *sum, e)) ||
	    !(weight = fl_arena_zero(&out->arena, mean->dim[0], sizeof *weight, e)) ||
	    !(count = fl_arena_zero(&out->arena, mean->dim[0], sizeof *count, e)) ||
	    !(clients = fl_arena_zero(&out->arena, mean->dim[0], sizeof *clients, e)))
		return -1;
	for (size_t k = 0; k < q->K; k++)
		if (add(q, k, uniform, sum, weight, count, clients, e))
			return -1;
	if (put(out, sum, weight, count, mean->dim[0], mean->dim[1], e))
		return -1;
	return fl_tset_add(out, "clients", FL_I64, 1, mean->dim, clients, e) ? 0 : -1;
}

int fl_rows_pool_by(const void *p, const struct fl_pool *q, struct fl_tset *out, struct fl_err *e)
{
	return fl_rows_pool(q, ((const struct fl_rows_params *)p)->weight == FL_BY_UNIFORM, out, e);
}
