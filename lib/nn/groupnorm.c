/* Normalisation of groups of channels of an example. */
#include "nn/norm.h"

struct groupnorm {
	int64_t groups;
	double eps;
	int affine;
};

static const struct fl_param params[] = {
	{ "groups", FL_P_INT, offsetof(struct groupnorm, groups), "2", 1, 1 << 20, NULL, "n",
	  "groups that the channels are split into" },
	{ "eps", FL_P_REAL, offsetof(struct groupnorm, eps), "1e-5", 0, 1, NULL, "x",
	  "added to the variance" },
	{ "affine", FL_P_BOOL, offsetof(struct groupnorm, affine), "on", 0, 0, NULL, NULL,
	  "whether channels have a gain and an offset" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct groupnorm *p = l->p;

	if (l->in.d[0] % (size_t)p->groups)
		return fl_fail(e, FL_EUSAGE, "%lld groups do not divide %zu channels",
		               (long long)p->groups, l->in.d[0]);
	l->out = l->in;
	l->cache = 2 * (size_t)p->groups;
	fl_norm_declare(l, l->in.d[0], p->affine);
	return 0;
}

static struct fl_norm sets(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t G = (size_t)((const struct groupnorm *)l->p)->groups, C = l->in.d[0];

	return (struct fl_norm){
		.B = a->B, .C = C, .P = fl_shape_count(&l->in) / C, .sets = a->B * G, .planes = C / G
	};
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	const struct groupnorm *p = l->p;
	struct fl_norm n = sets(l, a);

	fl_norm_forward(l, a, &n, p->eps, p->affine);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	const struct groupnorm *p = l->p;
	struct fl_norm n = sets(l, a);

	fl_norm_backward(l, a, &n, a->cache, p->eps, p->affine, 0);
}

const struct fl_layer_entry fl_layer_groupnorm = {
	.e = {
		.name = "groupnorm",
		.title = "GroupNorm",
		.cite = "Wu and He, ECCV 2018, arXiv 1803.08494",
		.doc = "groups of channels brought to mean 0 and variance 1",
		.params = params,
		.psize = sizeof(struct groupnorm),
		.formula = "y = w (x - mean) / sqrt(var + eps) + b, over each group of an example",
	},
	.units = FL_UNITS_MIXED,
	.raw = 1,
	.shape = shape,
	.init = fl_norm_init,
	.forward = forward,
	.backward = backward,
};
