/* Normalisation over the last dimension. */
#include "nn/norm.h"

struct layernorm {
	double eps;
	int affine;
};

static const struct fl_param params[] = {
	{ "eps", FL_P_REAL, offsetof(struct layernorm, eps), "1e-5", 0, 1, NULL, "x",
	  "added to the variance" },
	{ "affine", FL_P_BOOL, offsetof(struct layernorm, affine), "on", 0, 0, NULL, NULL,
	  "whether elements have a gain and an offset" },
	{ 0 }
};

static size_t width(const struct fl_layer *l)
{
	return l->in.d[l->in.ndim - 1];
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	(void)e;
	l->out = l->in;
	l->cache = 2 * (fl_shape_count(&l->in) / width(l));
	fl_norm_declare(l, width(l), ((const struct layernorm *)l->p)->affine);
	return 0;
}

/* Rows of planes of one number: each element has its own gain. */
static struct fl_norm sets(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t rows = a->B * (fl_shape_count(&l->in) / width(l));

	return (struct fl_norm){
		.B = rows, .C = width(l), .P = 1, .sets = rows, .planes = width(l)
	};
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	const struct layernorm *p = l->p;
	struct fl_norm n = sets(l, a);

	fl_norm_forward(l, a, &n, p->eps, p->affine);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	const struct layernorm *p = l->p;
	struct fl_norm n = sets(l, a);

	fl_norm_backward(l, a, &n, a->cache, p->eps, p->affine, 0);
}

const struct fl_layer_entry fl_layer_layernorm = {
	.e = {
		.name = "layernorm",
		.title = "LayerNorm",
		.cite = "Ba, Kiros and Hinton, arXiv 1607.06450",
		.doc = "the last dimension brought to mean 0 and variance 1",
		.params = params,
		.psize = sizeof(struct layernorm),
		.formula = "y = w (x - mean) / sqrt(var + eps) + b, over the last dimension",
	},
	.units = FL_UNITS_MIXED,
	.raw = 1,
	.shape = shape,
	.init = fl_norm_init,
	.forward = forward,
	.backward = backward,
};
