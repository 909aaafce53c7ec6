/* Convolution against its definition, loops over fmaf in the order that conv2d.c
 * states, at each instruction set: the same bits, for all kinds of shapes. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <string.h>

#include "conv.h"

#define CASES 160
#define OUT ((size_t)32 << 20)

/* The layers of the presets with few channels, then any. */
static struct shape draw(int n)
{
	static const struct shape s[] = {
		{ 5, 3, 32, 32, 24, 1, 3, 3, 1, 1, 1, 1 }, { 3, 13, 16, 16, 40, 1, 3, 3, 1, 1, 1, 1 },
		{ 18, 24, 8, 8, 15, 1, 3, 3, 1, 1, 1, 1 }, { 2, 6, 14, 14, 16, 1, 5, 5, 1, 1, 0, 0 },
		{ 2, 16, 16, 16, 32, 1, 3, 3, 2, 2, 1, 1 }, { 2, 16, 16, 16, 32, 1, 1, 1, 2, 2, 0, 0 },
		{ 2, 2, 30, 30, 13, 1, 3, 3, 1, 1, 0, 0 }, { 1, 400, 4, 4, 70, 1, 3, 2, 1, 1, 1, 1 },
		{ 2, 12, 9, 9, 12, 12, 3, 3, 1, 1, 1, 1 }, { 2, 3, 20, 20, 8, 1, 7, 7, 2, 2, 3, 3 },
	};
	size_t G = 1 + each_below(3), edge[2], pad[2];
	struct shape r;

	if (n < (int)(sizeof s / sizeof *s))
		return s[n];
	r = (struct shape){ .B = 1 + each_below(4), .G = G, .C = G * (1 + each_below(6)),
		.O = G * (1 + each_below(20)), .H = 1 + each_below(20), .W = 1 + each_below(20),
		.sh = 1 + each_below(4), .sw = 1 + each_below(4) };
	for (int i = 0; i < 2; i++) {
		pad[i] = each_below(4);
		edge[i] = 1 + each_below(5);
		if (edge[i] > (i ? r.W : r.H) + 2 * pad[i])
			edge[i] = 1;
	}
	r.kh = edge[0];
	r.kw = edge[1];
	r.ph = pad[0];
	r.pw = pad[1];
	return r;
}

/* --- the definition --- */

static float want_y(const struct conv *c, size_t b, size_t o, size_t r, size_t q, int relu)
{
	const struct shape *s = &c->s;
	size_t n = s->C / s->G, first = o / (s->O / s->G) * n;
	float acc = c->w[c->nw + o];

	for (size_t ch = 0; ch < n; ch++)
		for (size_t i = 0; i < s->kh; i++)
			for (size_t j = 0; j < s->kw; j++)
				acc = fmaf(*weight(c, c->w, ch, i, j, o),
				           at(c, b, first + ch, r * s->sh + i, q * s->sw + j), acc);
	return relu && acc < 0 ? 0 : acc;
}

static float want_dw(const struct conv *c, size_t ch, size_t i, size_t j, size_t o)
{
	const struct shape *s = &c->s;
	size_t first = o / (s->O / s->G) * (s->C / s->G);
	float acc = 0;

	for (size_t b = 0; b < s->B; b++)
		for (size_t r = 0; r < c->OH; r++)
			for (size_t q = 0; q < c->OW; q++)
				acc = fmaf(at(c, b, first + ch, r * s->sh + i, q * s->sw + j),
				           c->dy[((b * s->O + o) * c->OH + r) * c->OW + q], acc);
	return acc;
}

/* The output that place i of the kernel links to an input, or n. */
static size_t output(size_t y, size_t pad, size_t i, size_t step, size_t n)
{
	if (y + pad < i || (y + pad - i) % step || (y + pad - i) / step >= n)
		return n;
	return (y + pad - i) / step;
}

static float want_dx(const struct conv *c, size_t b, size_t ch, size_t row, size_t col)
{
	const struct shape *s = &c->s;
	size_t n = s->C / s->G, m = s->O / s->G, first = ch / n * m;
	float acc = 0;

	for (size_t i = 0; i < s->kh; i++)
		for (size_t j = 0; j < s->kw; j++) {
			size_t r = output(row, s->ph, i, s->sh, c->OH);
			size_t q = output(col, s->pw, j, s->sw, c->OW);

			for (size_t o = first; r < c->OH && q < c->OW && o < first + m; o++)
				acc = fmaf(*weight(c, c->w, ch % n, i, j, o),
				           c->dy[((b * s->O + o) * c->OH + r) * c->OW + q], acc);
		}
	return acc;
}

static int wrong_y(const struct conv *c, int relu)
{
	const struct shape *s = &c->s;
	const float *y = c->y;
	int wrong = 0;

	for (size_t b = 0; b < s->B; b++)
		for (size_t o = 0; o < s->O; o++)
			for (size_t p = 0; p < c->OH * c->OW; p++)
				wrong += differ(*y++, want_y(c, b, o, p / c->OW, p % c->OW, relu));
	return wrong + differ(*y, GUARD);
}

static int wrong_dx(const struct conv *c)
{
	const struct shape *s = &c->s;
	const float *dx = c->dx;
	int wrong = 0;

	for (size_t b = 0; b < s->B; b++)
		for (size_t ch = 0; ch < s->C; ch++)
			for (size_t p = 0; p < s->H * s->W; p++)
				wrong += differ(*dx++, want_dx(c, b, ch, p / s->W, p % s->W));
	return wrong + differ(*dx, GUARD);
}

static int wrong_dw(const struct conv *c)
{
	const struct shape *s = &c->s;
	int wrong = 0;

	for (size_t ch = 0; ch < s->C / s->G; ch++)
		for (size_t i = 0; i < s->kh; i++)
			for (size_t j = 0; j < s->kw; j++)
				for (size_t o = 0; o < s->O; o++)
					wrong += differ(*weight(c, c->dw, ch, i, j, o),
					                want_dw(c, ch, i, j, o));
	return wrong + differ(c->dw[c->nw + s->O], GUARD);
}

/* Counts of wrong numbers, then all numbers. */
static void everywhere(void *out)
{
	int *wrong = out;
	float *o = (float *)out + 4;

	each_seed = 21;
	for (int n = 0; n < CASES; n++) {
		struct conv c;

		set_up(&c, draw(n), 0);
		run(&c, n % 2);
		wrong[0] += wrong_y(&c, n % 2);
		wrong[1] += wrong_dx(&c);
		wrong[2] += wrong_dw(&c);
		o = conv_copy(&c, o);
		tear_down(&c);
	}
}

int main(void)
{
	const int *wrong = each_same("convolutions", everywhere, OUT);

	if (wrong) {
		is_int(wrong[0], 0, "outputs that are not their chain");
		is_int(wrong[1], 0, "inputs' gradients that are not their chain");
		is_int(wrong[2], 0, "weights' gradients that are not their chain");
	}
	return tap_done();
}
