/* Every example scaled to unit length, or another. */
#include "nn/unit.h"

#include <math.h>

#include "nn/act.h"
#include "nn/lanes.h"

FL_BODY void fl_unit_rows_body(const fl_real *x, fl_real *y, fl_real *inv, size_t B, size_t n)
{
	for (size_t b = 0; b < B; b++, x += n, y += n) {
		struct fl_lanes s = { { 0 } };
		double sum;

		FL_LANES_ADD(&s, n, i, (double)x[i] * (double)x[i]);
		sum = fl_lanes_total(&s);
		inv[b] = sum > 0 ? (fl_real)(1 / sqrt(sum)) : 0;
		for (size_t i = 0; i < n; i++)
			y[i] = x[i] * inv[b];
	}
}

FL_ISA_FN(fl_unit_rows, (const fl_real *x, fl_real *y, fl_real *inv, size_t B, size_t n),
          (x, y, inv, B, n))

FL_BODY void fl_unit_back_body(const fl_real *x, const fl_real *inv, const fl_real *dy,
                               fl_real *dx, size_t B, size_t n)
{
	for (size_t b = 0; b < B; b++, x += n, dy += n, dx += n) {
		struct fl_lanes s = { { 0 } };
		fl_real along;

		FL_LANES_ADD(&s, n, i, (double)x[i] * (double)dy[i]);
		along = (fl_real)(fl_lanes_total(&s) * (double)inv[b] * (double)inv[b]);
		for (size_t i = 0; i < n; i++)
			dx[i] = (dy[i] - x[i] * along) * inv[b];
	}
}

FL_ISA_FN(fl_unit_back, (const fl_real *x, const fl_real *inv, const fl_real *dy, fl_real *dx,
                         size_t B, size_t n), (x, inv, dy, dx, B, n))

struct unit {
	double length;
};

static const struct fl_param params[] = {
	{ "length", FL_P_REAL, offsetof(struct unit, length), NULL, 1e-6, 1e6, NULL, "x",
	  "the length; unset: 1" },
	{ 0 }
};

static void to_length(const struct fl_layer *l, fl_real *x, size_t n)
{
	double length = ((const struct unit *)l->p)->length;

	for (size_t i = 0; length > 0 && i < n; i++)
		x[i] *= (fl_real)length;
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	(void)e;
	l->out = (struct fl_shape){ 1, { fl_shape_count(&l->in) } };
	l->cache = 1;
	return 0;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_unit_rows(a->x, a->y, a->cache, a->B, l->out.d[0]);
	to_length(l, a->y, a->B * l->out.d[0]);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	if (!a->dx)
		return;
	fl_unit_back(a->x, a->cache, a->dy, a->dx, a->B, l->out.d[0]);
	to_length(l, a->dx, a->B * l->out.d[0]);
}

const struct fl_layer_entry fl_layer_unit = {
	.e = {
		.name = "unit",
		.title = "Unit length",
		.cite = "torch.nn.functional.normalize",
		.doc = "an example as a vector of unit length",
		.params = params,
		.psize = sizeof(struct unit),
		.formula = "y = x / |x|",
	},
	.units = FL_UNITS_MIXED,
	.raw = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
