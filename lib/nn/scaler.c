/* The scaler of networks that are narrower in training than the one they were cut from:
 * what a cut layer gives is divided by the share of units that is left, so that later layers
 * see numbers of the same size. Where it is tested, the network is whole, and scales nothing. */
#include "nn/act.h"

struct scaler {
	double rate;
};

static const struct fl_param params[] = {
	{ "rate", FL_P_REAL, offsetof(struct scaler, rate), "1", 1e-6, 1, NULL, "r",
	  "the share of units that is left" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	l->cache = 1;
	return fl_act_shape(l, e);
}

/* y may be x. */
static void divide(const fl_real *x, fl_real by, fl_real *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] / by;
}

/* The cache, of every example, holds what it is divided by: 1 outside training. */
static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_real by = a->train ? (fl_real)((const struct scaler *)l->p)->rate : 1;

	for (size_t b = 0; b < a->B; b++)
		a->cache[b] = by;
	divide(a->x, by, a->y, a->B * fl_shape_count(&l->in));
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	if (a->dx && a->B)
		divide(a->dy, a->cache[0], a->dx, a->B * fl_shape_count(&l->in));
}

const struct fl_layer_entry fl_layer_scaler = {
	.e = {
		.name = "scaler",
		.title = "Scaler",
		.cite = "Diao, Ding and Tarokh, ICLR 2021, arXiv 2010.01264",
		.doc = "in training, units divided by the share of them that is left",
		.params = params,
		.psize = sizeof(struct scaler),
		.formula = "y = x / rate in training, y = x else",
	},
	.units = FL_UNITS_KEPT,
	.elementwise = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
