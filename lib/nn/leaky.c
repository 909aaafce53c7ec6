/* Leaky ReLU. A slope of 0 or more keeps the sign, so y tells which side x was. */
#include "nn/act.h"

struct leaky {
	double slope;
};

static const struct fl_param params[] = {
	{ "slope", FL_P_REAL, offsetof(struct leaky, slope), "0.01", 0, 1, NULL, "x",
	  "factor of negative inputs" },
	{ 0 }
};

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_real slope = (fl_real)((const struct leaky *)l->p)->slope;
	size_t n = a->B * fl_shape_count(&l->in);

	for (size_t i = 0; i < n; i++)
		a->y[i] = a->x[i] < 0 ? slope * a->x[i] : a->x[i];
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_real slope = (fl_real)((const struct leaky *)l->p)->slope;
	size_t n = a->B * fl_shape_count(&l->in);

	for (size_t i = 0; a->dx && i < n; i++)
		a->dx[i] = a->y[i] <= 0 ? slope * a->dy[i] : a->dy[i];
}

const struct fl_layer_entry fl_layer_leaky = {
	.e = {
		.name = "leaky",
		.title = "Leaky ReLU",
		.cite = "Maas, Hannun and Ng, ICML workshop 2013; torch.nn.LeakyReLU",
		.doc = "rectified linear unit that lets negative inputs through, scaled",
		.params = params,
		.psize = sizeof(struct leaky),
		.formula = "y = x for x > 0, else slope x",
	},
	.units = FL_UNITS_KEPT,
	.elementwise = 1,
	.shape = fl_act_shape,
	.forward = forward,
	.backward = backward,
};
