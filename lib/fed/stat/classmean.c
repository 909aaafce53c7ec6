/* Means of the feature vectors of each class, and how many there were. Sums in
 * double in stored order; a class without examples has count 0 and mean 0. */
#include "fed/stat/stat.h"

struct sums {
	double *sum;		/* (C,d) */
	int64_t *count;		/* (C) */
};

static int begin(const void *p, struct fl_stat_ctx *c, struct fl_err *e)
{
	struct sums *s = fl_arena_get(c->arena, 1, sizeof *s, e);

	(void)p;
	if (!s || !(s->sum = fl_arena_zero(c->arena, c->C * c->d, sizeof *s->sum, e)) ||
	    !(s->count = fl_arena_zero(c->arena, c->C, sizeof *s->count, e)))
		return -1;
	c->priv = s;
	return 0;
}

static int batch(const void *p, struct fl_stat_ctx *c, const float *f, const float *z,
                 const int32_t *y, size_t B, struct fl_err *e)
{
	struct sums *s = c->priv;

	(void)p;
	(void)z;
	(void)e;
	for (size_t b = 0; b < B; b++, f += c->d) {
		double *sum = s->sum + (size_t)y[b] * c->d;

		for (size_t i = 0; i < c->d; i++)
			sum[i] += (double)f[i];
		s->count[y[b]]++;
	}
	return 0;
}

static int end(const void *p, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e)
{
	const struct sums *s = c->priv;
	size_t dim[2] = { c->C, c->d };
	struct fl_tensor *t;
	float *mean;

	(void)p;
	if (!(t = fl_tset_add(out, "mean", FL_F32, 2, dim, NULL, e)))
		return -1;
	mean = t->data;
	for (size_t k = 0; k < c->C; k++)
		for (size_t i = k * c->d; s->count[k] && i < (k + 1) * c->d; i++)
			mean[i] = (float)(s->sum[i] / (double)s->count[k]);
	return fl_tset_add(out, "count", FL_I64, 1, dim, s->count, e) ? 0 : -1;
}

const struct fl_stat fl_stat_classmean = {
	.e = {
		.name = "classmean",
		.title = "Class means",
		.cite = "Tan et al., AAAI 2022, arXiv 2105.00243 (prototypes)",
		.doc = "mean feature vector of each class, with counts",
		.formula = "mean_c = 1/n_c sum of f(x) over y = c",
	},
	.begin = begin,
	.batch = batch,
	.end = end,
};
