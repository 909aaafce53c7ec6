/* Largest value of each window, a plane at a time. The cache holds the place of
 * the largest within its window, the first of equals; the gradient goes there. */
#include <math.h>
#include <string.h>

#include "kernel/isa.h"
#include "nn/quads.h"
#include "nn/window.h"

static const struct fl_param params[] = { FL_POOL_PARAMS("border that never wins"), { 0 } };

static int shape(struct fl_layer *l, struct fl_err *e)
{
	if (fl_pool_shape(l, e))
		return -1;
	l->cache = fl_shape_count(&l->out);
	return 0;
}

/* --- windows of 2x2 that tile the plane: the usual case, without a second pass --- */

static int is_quads(const struct fl_window *g)
{
	return g->kh == 2 && g->kw == 2 && g->sh == 2 && g->sw == 2 && !g->ph && !g->pw &&
	       g->H % 2 == 0 && g->W % 2 == 0;
}

/* --- any windows --- */

/* Row r of y and of the places, from the window's place (i,j). */
FL_BODY void take_row(const struct fl_window *g, const fl_real *restrict x, fl_real *restrict y,
                      fl_real *restrict at, size_t i, size_t j, size_t sw)
{
	fl_real place = (fl_real)(i * g->kw + j);
	size_t lo, hi;

	fl_window_inside(j, g->W, g->OW, sw, g->pw, &lo, &hi);
	x += lo * sw + j - g->pw;
	for (size_t o = lo; o < hi; o++) {
		fl_real v = x[(o - lo) * sw];
		int more = v > y[o] || v != v;

		y[o] = more ? v : y[o];
		at[o] = more ? place : at[o];
	}
}

FL_BODY void pool_planes(const struct fl_window *g, size_t planes, const fl_real *x, fl_real *y,
                         fl_real *at, size_t sw)
{
	for (size_t r = 0; r < planes * g->OH; r++, y += g->OW, at += g->OW) {
		const fl_real *plane = x + r / g->OH * g->H * g->W;
		size_t top = r % g->OH * g->sh;

		for (size_t o = 0; o < g->OW; o++) {
			y[o] = -(fl_real)INFINITY;
			at[o] = 0;
		}
		for (size_t i = 0; i < g->kh; i++)
			for (size_t j = 0; j < g->kw && top + i >= g->ph && top + i < g->H + g->ph; j++)
				take_row(g, plane + (top + i - g->ph) * g->W, y, at, i, j, sw);
	}
}

/* Steps of 1 are known to the compiler. */
FL_BODY void pool_body(const struct fl_window *g, size_t planes, const fl_real *x, fl_real *y,
                       fl_real *at)
{
	if (g->sw == 1)
		pool_planes(g, planes, x, y, at, 1);
	else
		pool_planes(g, planes, x, y, at, g->sw);
}

FL_BODY void give_row(const struct fl_window *g, fl_real *restrict dx, const fl_real *restrict dy,
                      const fl_real *restrict at, size_t i, size_t j, size_t sw)
{
	fl_real place = (fl_real)(i * g->kw + j);
	size_t lo, hi;

	fl_window_inside(j, g->W, g->OW, sw, g->pw, &lo, &hi);
	dx += lo * sw + j - g->pw;
	for (size_t o = lo; o < hi; o++)
		dx[(o - lo) * sw] += at[o] == place ? dy[o] : 0;
}

FL_BODY void unpool_planes(const struct fl_window *g, size_t planes, fl_real *dx,
                           const fl_real *dy, const fl_real *at, size_t sw)
{
	memset(dx, 0, planes * g->H * g->W * sizeof *dx);
	for (size_t r = 0; r < planes * g->OH; r++, dy += g->OW, at += g->OW) {
		fl_real *plane = dx + r / g->OH * g->H * g->W;
		size_t top = r % g->OH * g->sh;

		for (size_t i = 0; i < g->kh; i++)
			for (size_t j = 0; j < g->kw && top + i >= g->ph && top + i < g->H + g->ph; j++)
				give_row(g, plane + (top + i - g->ph) * g->W, dy, at, i, j, sw);
	}
}

FL_BODY void unpool_body(const struct fl_window *g, size_t planes, fl_real *dx,
                         const fl_real *dy, const fl_real *at)
{
	if (g->sw == 1)
		unpool_planes(g, planes, dx, dy, at, 1);
	else
		unpool_planes(g, planes, dx, dy, at, g->sw);
}

static void pool(const struct fl_window *g, size_t planes, const fl_real *x, fl_real *y,
                 fl_real *at);
FL_ISA_FN(pool, (const struct fl_window *g, size_t planes, const fl_real *x, fl_real *y,
                 fl_real *at), (g, planes, x, y, at))

static void unpool(const struct fl_window *g, size_t planes, fl_real *dx, const fl_real *dy,
                   const fl_real *at);
FL_ISA_FN(unpool, (const struct fl_window *g, size_t planes, fl_real *dx, const fl_real *dy,
                   const fl_real *at), (g, planes, dx, dy, at))

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_window g;

	fl_pool_window(&g, l, NULL);
	if (is_quads(&g))
		fl_quads_take(a->x, a->B * g.C * g.OH, g.W, a->y, a->cache, 0);
	else
		pool(&g, a->B * g.C, a->x, a->y, a->cache);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_window g;

	fl_pool_window(&g, l, NULL);
	if (a->dx && is_quads(&g))
		fl_quads_give(a->dx, a->B * g.C * g.OH, g.W, a->dy, a->cache);
	else if (a->dx)
		unpool(&g, a->B * g.C, a->dx, a->dy, a->cache);
}

const struct fl_layer_entry fl_layer_maxpool = {
	.e = {
		.name = "maxpool",
		.aka = "maxpool2d",
		.title = "Max pooling",
		.cite = "torch.nn.MaxPool2d",
		.doc = "largest value of each window of a plane",
		.params = params,
		.psize = sizeof(struct fl_pool_params),
		.formula = "y = max of x over the window",
	},
	.units = FL_UNITS_KEPT,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};

int fl_quads_pools(const struct fl_layer *l)
{
	struct fl_window g;

	if (l->entry != &fl_layer_maxpool)
		return 0;
	fl_pool_window(&g, l, NULL);
	return is_quads(&g);
}
