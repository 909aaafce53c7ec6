/* Geometry of sliding windows. */
#include "nn/window.h"

static int pair(const struct fl_dims *d, const char *what, size_t *rows, size_t *cols,
                struct fl_err *e)
{
	if (d->n != 1 && d->n != 2)
		return fl_fail(e, FL_EUSAGE, "%s: not one number, or rows and columns", what);
	*rows = (size_t)d->d[0];
	*cols = (size_t)d->d[d->n - 1];
	return 0;
}

int fl_window_init(struct fl_window *g, const struct fl_layer *l, const struct fl_dims *kernel,
                   const struct fl_dims *stride, const struct fl_dims *padding,
                   struct fl_err *e)
{
	const struct fl_shape *in = &l->in;
	char buf[128];

	if (in->ndim != 3)
		return fl_fail(e, FL_EUSAGE, "input is %s, not channels x rows x columns",
		               fl_shape_str(in, buf, sizeof buf));
	*g = (struct fl_window){ .C = in->d[0], .H = in->d[1], .W = in->d[2] };
	if (pair(kernel, "kernel", &g->kh, &g->kw, e) ||
	    pair(stride && stride->n ? stride : kernel, "stride", &g->sh, &g->sw, e) ||
	    pair(padding, "padding", &g->ph, &g->pw, e))
		return -1;
	if (g->kh > g->H + 2 * g->ph || g->kw > g->W + 2 * g->pw)
		return fl_fail(e, FL_EUSAGE, "a window of %zux%zu is larger than the padded input",
		               g->kh, g->kw);
	g->OH = (g->H + 2 * g->ph - g->kh) / g->sh + 1;
	g->OW = (g->W + 2 * g->pw - g->kw) / g->sw + 1;
	return 0;
}

int fl_pool_window(struct fl_window *g, const struct fl_layer *l, struct fl_err *e)
{
	const struct fl_pool_params *p = l->p;

	return fl_window_init(g, l, &p->kernel, &p->stride, &p->padding, e);
}

int fl_pool_shape(struct fl_layer *l, struct fl_err *e)
{
	struct fl_window g;

	if (fl_pool_window(&g, l, e))
		return -1;
	if (g.ph > g.kh / 2 || g.pw > g.kw / 2)
		return fl_fail(e, FL_EUSAGE, "padding is more than half the window");
	l->out = (struct fl_shape){ 3, { g.C, g.OH, g.OW } };
	return 0;
}
