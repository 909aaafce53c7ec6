/* A convolution layer with random numbers, for tests of its passes. */
#ifndef TEST_KERNEL_CONV_H
#define TEST_KERNEL_CONV_H

#include <string.h>

#include "each.h"
#include "nn/conv2d.h"

#define GUARD 37.5f

struct shape {
	size_t B, C, H, W, O, G, kh, kw, sh, sw, ph, pw;
};

struct conv {
	struct shape s;
	struct fl_conv2d p;
	struct fl_layer l;
	int pooled;
	size_t OH, OW, nx, ny, nw;
	float *x, *w, *y, *dy, *dx, *dw, *at, *scratch;
};

static inline float *numbers(size_t n)
{
	float *p = malloc((n + 1) * sizeof *p);

	for (size_t i = 0; i < n; i++)
		p[i] = each_real();
	p[n] = GUARD;
	return p;
}

/* pooled: relu and pooling are computed with it. */
static inline void set_up(struct conv *c, struct shape draw, int pooled)
{
	const struct shape *s = &c->s;

	c->s = draw;
	c->p = (struct fl_conv2d){ .out = (int64_t)s->O, .groups = (int64_t)s->G, .bias = 1,
		.kernel = { .n = 2, .d = { (int64_t)s->kh, (int64_t)s->kw } },
		.stride = { .n = 2, .d = { (int64_t)s->sh, (int64_t)s->sw } },
		.padding = { .n = 2, .d = { (int64_t)s->ph, (int64_t)s->pw } } };
	c->l = (struct fl_layer){ .entry = &fl_layer_conv2d, .p = &c->p,
		.in = { 3, { s->C, s->H, s->W } } };
	c->pooled = pooled;
	fl_layer_conv2d.shape(&c->l, NULL);
	c->OH = c->l.out.d[1];
	c->OW = c->l.out.d[2];
	c->nx = s->B * s->C * s->H * s->W;
	c->ny = s->B * s->O * c->OH * c->OW;
	c->nw = s->C / s->G * s->kh * s->kw * s->O;
	c->l.off[1] = c->nw;
	c->x = numbers(c->nx);
	c->w = numbers(c->nw + s->O);
	c->dy = numbers(c->ny);
	c->y = numbers(c->ny);
	c->dx = numbers(c->nx);
	c->dw = numbers(c->nw + s->O);
	c->at = numbers(c->ny);
	c->scratch = aligned_alloc(64, sizeof(float) *
		fl_conv2d_run.scratch(&c->l, s->B, pooled ? FL_CONV2D_POOL : FL_CONV2D_RELU) + 64);
}

static inline void tear_down(struct conv *c)
{
	free(c->x);
	free(c->w);
	free(c->dy);
	free(c->y);
	free(c->dx);
	free(c->dw);
	free(c->at);
	free(c->scratch);
}

static inline void run(struct conv *c, int relu)
{
	enum fl_conv2d_end end = c->pooled ? FL_CONV2D_POOL : relu ? FL_CONV2D_RELU : FL_CONV2D_BARE;
	struct fl_pass a = { .B = c->s.B, .x = c->x, .y = c->y, .w = c->w, .dy = c->dy, .dx = c->dx,
		.dw = c->dw, .flags = FL_BACK_FIRST, .train = 1, .cache = c->at, .scratch = c->scratch };

	fl_conv2d_run.forward(&c->l, &a, end);
	fl_conv2d_run.backward(&c->l, &a, end);
}

/* y, dx and dw to o; returns what is behind them. */
static inline float *conv_copy(const struct conv *c, float *o)
{
	size_t n = c->nw + c->s.O;

	memcpy(o, c->y, c->ny * sizeof *o);
	memcpy(o += c->ny, c->dx, c->nx * sizeof *o);
	memcpy(o += c->nx, c->dw, n * sizeof *o);
	return o + n;
}

/* x there, or 0 in the padding. */
static inline float at(const struct conv *c, size_t b, size_t ch, size_t row, size_t col)
{
	const struct shape *s = &c->s;

	if (row < s->ph || row - s->ph >= s->H || col < s->pw || col - s->pw >= s->W)
		return 0;
	return c->x[((b * s->C + ch) * s->H + row - s->ph) * s->W + col - s->pw];
}

static inline float *weight(const struct conv *c, float *w, size_t ch, size_t i, size_t j, size_t o)
{
	return &w[((ch * c->s.kh + i) * c->s.kw + j) * c->s.O + o];
}

static inline int differ(float a, float b)
{
	return !(a == b);	/* 0 and -0 are the same: padding adds +0 */
}

#endif
