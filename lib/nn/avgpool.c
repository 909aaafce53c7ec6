/* Mean of each window, a plane at a time; padding counts as zeros, as in
 * PyTorch. A mean adds the window's places in ascending order, then scales. */
#include <string.h>

#include "kernel/isa.h"
#include "nn/window.h"

static const struct fl_param params[] = { FL_POOL_PARAMS("zeros around the input"), { 0 } };

/* A row of windows and its place (i,j): y += x, or (back) x += y. */
FL_BODY void row(const struct fl_window *g, fl_real *x, fl_real *y, size_t j, int back)
{
	size_t lo, hi;

	fl_window_inside(j, g->W, g->OW, g->sw, g->pw, &lo, &hi);
	x += lo * g->sw + j - g->pw;
	for (size_t o = lo; o < hi; o++)
		if (back)
			x[(o - lo) * g->sw] += y[o];
		else
			y[o] += x[(o - lo) * g->sw];
}

FL_BODY void rows(const struct fl_window *g, fl_real *plane, fl_real *y, size_t top, int back)
{
	for (size_t i = 0; i < g->kh; i++)
		for (size_t j = 0; j < g->kw && top + i >= g->ph && top + i < g->H + g->ph; j++)
			row(g, plane + (top + i - g->ph) * g->W, y, j, back);
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_window g;
	fl_real scale, *y = a->y;

	fl_pool_window(&g, l, NULL);
	scale = 1 / (fl_real)(g.kh * g.kw);
	for (size_t r = 0; r < a->B * g.C * g.OH; r++, y += g.OW) {
		memset(y, 0, g.OW * sizeof *y);
		/* Only read: the other direction is the one that writes x. */
		rows(&g, (fl_real *)a->x + r / g.OH * g.H * g.W, y, r % g.OH * g.sh, 0);
		for (size_t o = 0; o < g.OW; o++)
			y[o] *= scale;
	}
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	(void)a;
	return l->out.d[2];
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	const fl_real *dy = a->dy;
	struct fl_window g;
	fl_real scale;

	if (!a->dx)
		return;
	fl_pool_window(&g, l, NULL);
	scale = 1 / (fl_real)(g.kh * g.kw);
	memset(a->dx, 0, a->B * g.C * g.H * g.W * sizeof *a->dx);
	for (size_t r = 0; r < a->B * g.C * g.OH; r++, dy += g.OW) {
		for (size_t o = 0; o < g.OW; o++)
			a->scratch[o] = dy[o] * scale;
		rows(&g, a->dx + r / g.OH * g.H * g.W, a->scratch, r % g.OH * g.sh, 1);
	}
}

const struct fl_layer_entry fl_layer_avgpool = {
	.e = {
		.name = "avgpool",
		.aka = "avgpool2d",
		.title = "Average pooling",
		.cite = "torch.nn.AvgPool2d",
		.doc = "mean of each window of a plane, padding included",
		.params = params,
		.psize = sizeof(struct fl_pool_params),
		.formula = "y = mean of x over the window",
	},
	.units = FL_UNITS_KEPT,
	.shape = fl_pool_shape,
	.scratch = scratch,
	.forward = forward,
	.backward = backward,
};
