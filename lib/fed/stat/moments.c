/* Mean and covariance of the feature vectors of each class: count (C; I64), mean (C,d;
 * F64) and cov (C,d,d; F64), unbiased, zero where there are fewer than two examples.
 * Sums in double, of products less a centre near the mean so that little cancels.
 * Pooled, they are those of all examples together:
 *   n = sum n_k;  mean = sum n_k mean_k / n;
 *   cov = (sum (n_k - 1) cov_k + n_k (mean_k - mean)(mean_k - mean)^T) / (n - 1). */
#include "base/num.h"
#include "fed/stat/stat.h"

struct params {
	const char *tap;
};

static const struct fl_param table[] = {
	FL_STAT_TAP(struct params),
	{ 0 }
};

static const char *tap(const void *p)
{
	return ((const struct params *)p)->tap;
}

struct sums {
	size_t C, d;
	double *centre;		/* (C,d) the first example of a class */
	double *sum, *product;	/* (C,d) (C,d,d) less the centre; lower triangles */
	double *x;		/* (d) */
	int64_t *count;		/* (C) */
};

static int get_room(struct sums *s, struct fl_arena *a, struct fl_err *e)
{
	size_t Cd, Cdd;

	if (fl_mul(s->C, s->d, &Cd) || fl_mul(Cd, s->d, &Cdd))
		return fl_fail_mem(e, SIZE_MAX);
	return (s->centre = fl_arena_zero(a, Cd, sizeof *s->centre, e)) &&
	       (s->sum = fl_arena_zero(a, Cd, sizeof *s->sum, e)) &&
	       (s->product = fl_arena_zero(a, Cdd, sizeof *s->product, e)) &&
	       (s->x = fl_arena_get(a, s->d, sizeof *s->x, e)) &&
	       (s->count = fl_arena_zero(a, s->C, sizeof *s->count, e)) ? 0 : -1;
}

static int begin(const void *p, struct fl_stat_ctx *c, struct fl_err *e)
{
	struct sums *s = fl_arena_get(c->arena, 1, sizeof *s, e);

	(void)p;
	if (!s)
		return -1;
	*s = (struct sums){ .C = c->C, .d = c->d };
	c->priv = s;
	return get_room(s, c->arena, e);
}

/* product += w x x^T, its lower triangle. */
static void add_product(double *product, const double *x, double w, size_t d)
{
	for (size_t i = 0; i < d; i++)
		for (size_t j = 0; j <= i; j++)
			product[i * d + j] += w * x[i] * x[j];
}

static void add_row(struct sums *s, const float *f, size_t c)
{
	double *centre = s->centre + c * s->d, *sum = s->sum + c * s->d;

	for (size_t i = 0; i < s->d; i++) {
		if (!s->count[c])
			centre[i] = (double)f[i];
		s->x[i] = (double)f[i] - centre[i];
		sum[i] += s->x[i];
	}
	add_product(s->product + c * s->d * s->d, s->x, 1, s->d);
	s->count[c]++;
}

static int batch(const void *p, struct fl_stat_ctx *c, const float *f, const float *z,
                 const int32_t *y, size_t B, struct fl_err *e)
{
	(void)p;
	(void)z;
	(void)e;
	for (size_t b = 0; b < B; b++)
		add_row(c->priv, f + b * c->d, (size_t)y[b]);
	return 0;
}

/* The lower triangle, over n - 1, as a symmetric matrix. */
static void put_cov(const double *product, double n, size_t d, double *cov)
{
	for (size_t i = 0; i < d; i++)
		for (size_t j = 0; j <= i; j++)
			cov[i * d + j] = cov[j * d + i] = n > 1 ? product[i * d + j] / (n - 1) : 0;
}

/* mean(C,d) becomes the tensor's. */
static int put(struct fl_tset *out, const struct sums *s, double *mean, struct fl_err *e)
{
	size_t C = s->C, d = s->d;
	struct fl_tensor *t = fl_tset_add(out, "cov", FL_F64, 3, (size_t[]){ C, d, d }, NULL, e);

	for (size_t c = 0; t && c < C; c++)
		put_cov(s->product + c * d * d, (double)s->count[c], d, (double *)t->data + c * d * d);
	return t && fl_tset_add(out, "mean", FL_F64, 2, (size_t[]){ C, d }, mean, e) &&
	       fl_tset_add(out, "count", FL_I64, 1, &C, s->count, e) ? 0 : -1;
}

static int end(const void *p, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e)
{
	struct sums *s = c->priv;

	(void)p;
	for (size_t k = 0; k < s->C; k++) {
		double n = (double)s->count[k], *sum = s->sum + k * s->d;

		for (size_t i = 0; s->count[k] && i < s->d; i++)
			sum[i] /= n;
		add_product(s->product + k * s->d * s->d, sum, -n, s->d);
		for (size_t i = 0; i < s->d; i++)
			sum[i] += s->centre[k * s->d + i];
	}
	return put(out, s, s->sum, e);
}

/* --- all clients --- */

struct part {
	const double *mean, *cov;
	const int64_t *count;
};

static int get_part(const struct fl_pool *q, size_t k, struct part *out, struct fl_err *e)
{
	const struct fl_tensor *m = fl_pool_need(q, k, "mean", FL_F64, 2, e), *v, *n;

	if (!m || !(v = fl_pool_need(q, k, "cov", FL_F64, 3, e)) ||
	    !(n = fl_pool_need(q, k, "count", FL_I64, 1, e)))
		return -1;
	if (n->n != m->dim[0] || v->dim[0] != m->dim[0] || v->dim[1] != m->dim[1] ||
	    v->dim[2] != m->dim[1])
		return fl_fail(e, FL_EDATA, "client %lld: count, mean and cov do not fit",
		               (long long)q->client[k]);
	*out = (struct part){ m->data, v->data, n->data };
	return 0;
}

static int add_means(const struct fl_pool *q, struct sums *s, struct fl_err *e)
{
	for (size_t k = 0; k < q->K; k++) {
		struct part x;

		if (get_part(q, k, &x, e))
			return -1;
		for (size_t c = 0; c < s->C; c++) {
			if (x.count[c] > INT64_MAX - s->count[c])
				return fl_fail(e, FL_EDATA, "client %lld: a count of %lld",
				               (long long)q->client[k], (long long)x.count[c]);
			s->count[c] += x.count[c];
			for (size_t i = c * s->d; i < (c + 1) * s->d; i++)
				s->sum[i] += (double)x.count[c] * x.mean[i];
		}
	}
	for (size_t c = 0; c < s->C; c++)
		for (size_t i = c * s->d; s->count[c] && i < (c + 1) * s->d; i++)
			s->sum[i] /= (double)s->count[c];
	return 0;
}

static int add_products(const struct fl_pool *q, struct sums *s, struct fl_err *e)
{
	size_t d = s->d;

	for (size_t k = 0; k < q->K; k++) {
		struct part x;

		if (get_part(q, k, &x, e))
			return -1;
		for (size_t c = 0; c < s->C; c++) {
			double n = (double)x.count[c], *product = s->product + c * d * d;

			for (size_t i = 0; i < d; i++)
				s->x[i] = x.mean[c * d + i] - s->sum[c * d + i];
			add_product(product, s->x, n, d);
			for (size_t i = 0; n > 1 && i < d * d; i++)
				product[i] += (n - 1) * x.cov[c * d * d + i];
		}
	}
	return 0;
}

static int pool(const void *p, const struct fl_pool *q, struct fl_tset *out, struct fl_err *e)
{
	const struct fl_tensor *m = fl_pool_need(q, 0, "mean", FL_F64, 2, e);
	struct sums s;

	(void)p;
	if (!m)
		return -1;
	s = (struct sums){ .C = m->dim[0], .d = m->dim[1] };
	if (get_room(&s, &out->arena, e) || add_means(q, &s, e) || add_products(q, &s, e))
		return -1;
	return put(out, &s, s.sum, e);
}

const struct fl_stat fl_stat_moments = {
	.e = {
		.name = "moments",
		.title = "Class moments",
		.cite = "Luo et al., NeurIPS 2021, arXiv 2106.05001 (CCVR)",
		.doc = "mean and covariance of the features of each class, with counts",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "mean_c = 1/n_c sum of f(x); "
			   "cov_c = 1/(n_c - 1) sum of (f(x) - mean_c)(f(x) - mean_c)^T",
	},
	.tap = tap,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = pool,
};
