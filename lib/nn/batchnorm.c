/* Batch normalisation of (C,H,W) or (C): in training by the batch's statistics,
 * else by the running ones, which a forward pass in training updates where the
 * pass has stats: running = (1 - momentum) running + momentum batch, with the
 * unbiased variance, as PyTorch does. A batch that has one value a channel has no
 * variance: PyTorch refuses it; here the running statistics stay as they are.
 *
 * The cache holds what the forward pass used: mean and variance of each channel,
 * then 1 where they were the running ones. */
#include <string.h>

#include "nn/norm.h"

struct batchnorm {
	double eps, momentum;
};

static const struct fl_param params[] = {
	{ "eps", FL_P_REAL, offsetof(struct batchnorm, eps), "1e-5", 0, 1, NULL, "x",
	  "added to the variance" },
	{ "momentum", FL_P_REAL, offsetof(struct batchnorm, momentum), "0.1", 0, 1, NULL, "x",
	  "weight of a batch in the running statistics" },
	{ 0 }
};

enum { WEIGHT, BIAS, MEAN, VAR, BATCHES };

static int shape(struct fl_layer *l, struct fl_err *e)
{
	size_t C = l->in.d[0];

	(void)e;
	l->out = l->in;
	l->cache = 2 * C + 1;
	fl_norm_declare(l, C, 1);
	l->nparam = 5;
	l->param[MEAN] = (struct fl_layer_param){ "running_mean", 1, { C }, FL_PERM_NONE, FL_RUNNING };
	l->param[VAR] = (struct fl_layer_param){ "running_var", 1, { C }, FL_PERM_NONE, FL_RUNNING };
	l->param[BATCHES] = (struct fl_layer_param){
		.suffix = "num_batches_tracked", .kind = FL_RUNNING
	};
	return 0;
}

static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	fl_norm_init(l, param == VAR ? WEIGHT : param, r, w);
}

static struct fl_norm sets(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t C = l->in.d[0];

	return (struct fl_norm){
		.B = a->B, .C = C, .P = fl_shape_count(&l->in) / C, .sets = C, .planes = a->B,
		.batch = 1
	};
}

static void update(const struct fl_layer *l, const struct fl_norm *n, const fl_real *stat,
                   fl_real *w)
{
	double m = ((const struct batchnorm *)l->p)->momentum, count = (double)(n->B * n->P);
	double unbiased = count / (count - 1);
	fl_real *mean = w + l->off[MEAN], *var = w + l->off[VAR];

	if (!(count > 1))
		return;
	for (size_t c = 0; c < n->C; c++) {
		mean[c] = (fl_real)((1 - m) * (double)mean[c] + m * (double)stat[2 * c]);
		var[c] = (fl_real)((1 - m) * (double)var[c] + m * unbiased * (double)stat[2 * c + 1]);
	}
	w[l->off[BATCHES]] += 1;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_norm n = sets(l, a);

	a->cache[2 * n.C] = (fl_real)!a->train;
	if (a->train)
		fl_norm_stats(&n, a->x, a->cache);
	for (size_t c = 0; c < n.C && !a->train; c++) {
		a->cache[2 * c] = a->w[l->off[MEAN] + c];
		a->cache[2 * c + 1] = a->w[l->off[VAR] + c];
	}
	if (a->stats)
		update(l, &n, a->cache, a->stats);
	fl_norm_apply(&n, a->x, a->cache, ((const struct batchnorm *)l->p)->eps,
	              a->w + l->off[WEIGHT], a->w + l->off[BIAS], a->y);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_norm n = sets(l, a);

	fl_norm_backward(l, a, &n, a->cache, ((const struct batchnorm *)l->p)->eps, 1,
	                 a->cache[2 * n.C] != 0);
	for (unsigned j = MEAN; j <= BATCHES && a->flags & FL_BACK_FIRST; j++)
		memset(a->dw + l->off[j], 0, (j == BATCHES ? 1 : n.C) * sizeof *a->dw);
}

const struct fl_layer_entry fl_layer_batchnorm = {
	.e = {
		.name = "batchnorm",
		.title = "BatchNorm",
		.cite = "Ioffe and Szegedy, ICML 2015, arXiv 1502.03167",
		.doc = "channels brought to mean 0 and variance 1 over the batch",
		.params = params,
		.psize = sizeof(struct batchnorm),
		.formula = "y = w (x - mean) / sqrt(var + eps) + b, over each channel of the batch; "
			   "one value a channel has no variance and leaves the running statistics alone",
	},
	.units = FL_UNITS_KEPT,
	.raw = 1,
	.shape = shape,
	.init = init,
	.forward = forward,
	.backward = backward,
};
