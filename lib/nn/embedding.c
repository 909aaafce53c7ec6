/* Table of vectors: (T) numbers 0 to num-1 -> (T,D). An input that is no such
 * number gives NaN, which ends training as a loss that is not finite. */
#include <math.h>
#include <string.h>

#include "nn/layer.h"

struct embedding {
	int64_t num, dim;
};

static const struct fl_param params[] = {
	{ "num", FL_P_INT, offsetof(struct embedding, num), NULL, 1, 1 << 24, NULL, "n",
	  "rows of the table; must be given" },
	{ "dim", FL_P_INT, offsetof(struct embedding, dim), NULL, 1, 1 << 20, NULL, "n",
	  "size of a vector; must be given" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct embedding *p = l->p;
	char buf[128];

	if (p->num == FL_UNSET || p->dim == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "key '%s' is missing", p->num == FL_UNSET ? "num" : "dim");
	if (l->in.ndim != 1)
		return fl_fail(e, FL_EUSAGE, "input is %s, not a list of numbers",
		               fl_shape_str(&l->in, buf, sizeof buf));
	l->out = (struct fl_shape){ 2, { l->in.d[0], (size_t)p->dim } };
	l->nparam = 1;
	l->param[0] = (struct fl_layer_param){
		"weight", 2, { (size_t)p->num, (size_t)p->dim }, FL_PERM_NONE, FL_TRAINED
	};
	return 0;
}

/* torch.nn.Embedding: standard normal. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	(void)param;
	for (size_t i = 0; i < l->param[0].dim[0] * l->param[0].dim[1]; i++)
		w[i] = (fl_real)fl_rng_normal(r);
}

/* Row of the table, or num. */
static size_t row(const struct fl_layer *l, fl_real x)
{
	size_t num = l->param[0].dim[0];

	return x >= 0 && x < (fl_real)num && x == (fl_real)(size_t)x ? (size_t)x : num;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t D = l->out.d[1];
	const fl_real *w = a->w + l->off[0];

	for (size_t i = 0; i < a->B * l->in.d[0]; i++) {
		size_t r = row(l, a->x[i]);

		for (size_t d = 0; d < D; d++)
			a->y[i * D + d] = r < l->param[0].dim[0] ? w[r * D + d] : (fl_real)NAN;
	}
}

/* Inputs are numbers of rows: their gradient is 0. */
static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t D = l->out.d[1], n = l->param[0].dim[0] * D;
	fl_real *dw = a->dw + l->off[0];

	if (a->dx)
		memset(a->dx, 0, a->B * l->in.d[0] * sizeof *a->dx);
	if (a->flags & FL_BACK_FIRST)
		memset(dw, 0, n * sizeof *dw);
	for (size_t i = 0; i < a->B * l->in.d[0]; i++) {
		size_t r = row(l, a->x[i]);

		for (size_t d = 0; d < D && r < l->param[0].dim[0]; d++)
			dw[r * D + d] += a->dy[i * D + d];
	}
	fl_pass_done(a, l->off[0], n);
}

const struct fl_layer_entry fl_layer_embedding = {
	.e = {
		.name = "embedding",
		.title = "Embedding",
		.cite = "Bengio et al., JMLR 3, 2003; torch.nn.Embedding",
		.doc = "whole numbers to rows of a table",
		.params = params,
		.psize = sizeof(struct embedding),
		.formula = "y_t = W[x_t]",
	},
	.raw = 1,
	.discrete = 1,
	.shape = shape,
	.init = init,
	.forward = forward,
	.backward = backward,
};
