/* Gradient reversal: what stands above learns from what stands below, which learns the
 * opposite. Features before it lose what a domain classifier after it could use. */
#include <string.h>

#include "nn/act.h"

struct reverse {
	double lambda;
};

static const struct fl_param params[] = {
	{ "lambda", FL_P_REAL, offsetof(struct reverse, lambda), "1", 0, 1e6, NULL, "x",
	  "how much of the gradient is turned round" },
	{ 0 }
};

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	if (a->y != a->x)
		memcpy(a->y, a->x, a->B * fl_shape_count(&l->in) * sizeof *a->y);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_real by = -(fl_real)((const struct reverse *)l->p)->lambda;

	for (size_t i = 0, n = a->B * fl_shape_count(&l->in); a->dx && i < n; i++)
		a->dx[i] = by * a->dy[i];
}

const struct fl_layer_entry fl_layer_reverse = {
	.e = {
		.name = "reverse",
		.title = "Gradient reversal",
		.cite = "Ganin and Lempitsky, ICML 2015, arXiv 1409.7495",
		.doc = "the input as it is, whose gradient is turned round",
		.params = params,
		.psize = sizeof(struct reverse),
		.formula = "y = x, dx = -lambda dy",
	},
	.units = FL_UNITS_KEPT,
	.elementwise = 1,
	.shape = fl_act_shape,
	.forward = forward,
	.backward = backward,
};
