/* Learned positions: y = x + w, w of an example's shape. */
#include <string.h>

#include "nn/act.h"
#include "nn/lanes.h"

static int shape(struct fl_layer *l, struct fl_err *e)
{
	l->nparam = 1;
	l->param[0] = (struct fl_layer_param){ .suffix = "weight", .ndim = l->in.ndim };
	memcpy(l->param[0].dim, l->in.d, sizeof l->in.d);
	return fl_act_shape(l, e);
}

/* N(0, 0.02^2), as ViT begins. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	(void)param;
	for (size_t i = 0; i < fl_shape_count(&l->in); i++)
		w[i] = (fl_real)(.02 * fl_rng_normal(r));
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in);

	for (size_t i = 0; i < a->B * n; i++)
		a->y[i] = a->x[i] + a->w[l->off[0] + i % n];
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in);
	fl_real *dw = a->dw + l->off[0];

	if (a->flags & FL_BACK_FIRST)
		memset(dw, 0, n * sizeof *dw);
	fl_column_sums(a->dy, dw, a->B, n);
	if (a->dx && a->dx != a->dy)
		memcpy(a->dx, a->dy, a->B * n * sizeof *dw);
	fl_pass_done(a, l->off[0], n);
}

const struct fl_layer_entry fl_layer_position = {
	.e = {
		.name = "position",
		.title = "Learned positions",
		.cite = "Gehring et al., ICML 2017, arXiv 1705.03122",
		.doc = "a trained number added to each element",
		.formula = "y = x + w",
	},
	.elementwise = 1,
	.shape = shape,
	.init = init,
	.forward = forward,
	.backward = backward,
};
