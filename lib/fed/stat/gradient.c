/* The gradient of the mean loss over a client's examples at the model: tensors of the
 * model's names and shapes, F32. Sums over batches in double. Pooled, the mean over
 * all examples, or of clients that count alike. */
#include "fed/share.h"
#include "fed/stat/stat.h"

struct params {
	int weight;
};

static const struct fl_param table[] = {
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0,
	  fl_share_name, "kind",
	  "pooled, a client counts its examples, or one" },
	{ 0 }
};

struct sums {
	double *sum;		/* (P) */
	double B;
};

static int begin(const void *p, struct fl_stat_ctx *c, struct fl_err *e)
{
	struct sums *s = fl_arena_get(c->arena, 1, sizeof *s, e);

	(void)p;
	if (!s || !(s->sum = fl_arena_zero(c->arena, c->net->P, sizeof *s->sum, e)))
		return -1;
	c->priv = s;
	return 0;
}

static void add(void *ctx, size_t param, size_t begin, size_t end, fl_real *g)
{
	const struct sums *s = ctx;

	(void)param;
	for (size_t i = begin; i < end; i++)
		s->sum[i] += s->B * (double)g[i - begin];
}

static int batch(const void *p, struct fl_stat_ctx *c, const float *f, const float *z,
                 const int32_t *y, size_t B, struct fl_err *e)
{
	struct sums *s = c->priv;

	(void)p;
	(void)f;
	(void)z;
	(void)e;
	s->B = (double)B;
	fl_net_loss(c->net, c->work, y, B, 1);
	fl_net_backward(c->net, c->work, c->w, c->g, B, NULL, add, s);
	return 0;
}

static int end(const void *p, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e)
{
	const struct sums *s = c->priv;

	(void)p;
	for (size_t i = 0; i < c->net->P; i++)
		c->g[i] = (fl_real)(s->sum[i] / (double)c->n);
	return fl_net_export(c->net, c->g, "", out, e);
}

static int pool_tensor(const struct params *p, const struct fl_pool *q, const struct fl_tensor *t,
                       struct fl_tset *out, struct fl_err *e)
{
	double *sum = fl_arena_zero(&out->arena, t->n, sizeof *sum, e), weight = 0;
	struct fl_tensor *to = fl_tset_add(out, t->name, FL_F32, t->ndim, t->dim, NULL, e);

	if (!sum || !to)
		return -1;
	for (size_t k = 0; k < q->K; k++) {
		const struct fl_tensor *from = fl_pool_need(q, k, t->name, FL_F32, t->ndim, e);
		double w = p->weight == FL_BY_UNIFORM ? 1 : q->examples[k];

		if (!from)
			return -1;
		for (size_t i = 0; i < t->n; i++)
			sum[i] += w * (double)((const float *)from->data)[i];
		weight += w;
	}
	if (!(weight > 0))
		return fl_fail(e, FL_EDATA, "no client has an example");
	for (size_t i = 0; i < t->n; i++)
		((float *)to->data)[i] = (float)(sum[i] / weight);
	return 0;
}

static int pool(const void *p, const struct fl_pool *q, struct fl_tset *out, struct fl_err *e)
{
	for (size_t i = 0; i < q->rec[0].nt; i++)
		if (pool_tensor(p, q, &q->rec[0].t[i], out, e))
			return -1;
	return 0;
}

const struct fl_stat fl_stat_gradient = {
	.e = {
		.name = "gradient",
		.title = "Full gradient",
		.cite = "Karimireddy et al., NeurIPS 2021, arXiv 2008.03606 (Mime)",
		.doc = "gradient of the loss over all of a client's examples",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "grad F_k(w)",
	},
	.backward = 1,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = pool,
};
