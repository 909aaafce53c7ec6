/* Outputs times trained numbers: one for all, or one each. */
#include <string.h>

#include "nn/act.h"
#include "nn/lanes.h"

struct scale {
	int each;
	double init;
};

static const struct fl_param params[] = {
	{ "each", FL_P_BOOL, offsetof(struct scale, each), "off", 0, 0, NULL, NULL,
	  "a number for each output" },
	{ "init", FL_P_REAL, offsetof(struct scale, init), "1", -1e6, 1e6, NULL, "x",
	  "what they begin as" },
	{ 0 }
};

static int each(const struct fl_layer *l)
{
	return ((const struct scale *)l->p)->each;
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	l->nparam = 1;
	l->param[0] = (struct fl_layer_param){
		.suffix = "weight", .ndim = each(l), .dim = { each(l) ? fl_shape_count(&l->in) : 0 },
	};
	return fl_act_shape(l, e);
}

static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	(void)param;
	(void)r;
	for (size_t i = 0; i < (each(l) ? fl_shape_count(&l->in) : 1); i++)
		w[i] = (fl_real)((const struct scale *)l->p)->init;
}

/* y = x w, of B rows of n. y may be x. */
static void times(const struct fl_layer *l, const fl_real *x, const fl_real *w, fl_real *y, size_t B)
{
	size_t n = fl_shape_count(&l->in), by = (size_t)each(l);

	for (size_t b = 0; b < B; b++, x += n, y += n)
		for (size_t i = 0; i < n; i++)
			y[i] = x[i] * w[i * by];
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	times(l, a->x, a->w + l->off[0], a->y, a->B);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in), numbers = each(l) ? n : 1, rows = a->B * n / numbers;
	fl_real *dw = a->dw + l->off[0];

	if (a->dx)
		times(l, a->dy, a->w + l->off[0], a->dx, a->B);
	if (a->flags & FL_BACK_FIRST)
		memset(dw, 0, numbers * sizeof *dw);
	for (size_t i = 0; i < numbers; i++) {
		double sum = 0;

		for (size_t b = 0; b < rows; b++)
			sum += (double)a->x[b * numbers + i] * (double)a->dy[b * numbers + i];
		dw[i] += (fl_real)sum;
	}
	fl_pass_done(a, l->off[0], numbers);
}

const struct fl_layer_entry fl_layer_scale = {
	.e = {
		.name = "scale",
		.title = "Scale",
		.cite = "Guo et al., ICML 2017, arXiv 1706.04599",
		.doc = "outputs times a trained number, or one each: temperature, blending",
		.params = params,
		.psize = sizeof(struct scale),
		.formula = "y = w x",
	},
	.units = FL_UNITS_KEPT,
	.raw = 1,
	.shape = shape,
	.init = init,
	.forward = forward,
	.backward = backward,
};
