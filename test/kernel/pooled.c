/* Convolutions that do the relu and the pooling after them: what the three layers give
 * one after the other, at each instruction set. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <string.h>

#include "conv.h"
#include "nn/quads.h"

#define OUT ((size_t)8 << 20)

/* Direct ones, with groups and steps; Winograd's. */
static const struct shape shapes[] = {
	{ 5, 3, 32, 32, 24, 1, 3, 3, 1, 1, 1, 1 }, { 2, 6, 14, 14, 16, 1, 5, 5, 1, 1, 0, 0 },
	{ 3, 4, 7, 12, 6, 2, 3, 3, 2, 1, 1, 2 }, { 3, 4, 2, 2, 5, 1, 1, 1, 1, 1, 0, 0 },
	{ 5, 16, 16, 16, 50, 1, 3, 3, 1, 1, 1, 1 }, { 13, 24, 8, 8, 97, 1, 3, 3, 1, 1, 1, 1 },
	{ 2, 16, 28, 28, 20, 1, 3, 3, 1, 1, 0, 0 }, { 1, 16, 2, 260, 16, 1, 3, 3, 1, 1, 1, 1 },
	{ 2, 17, 20, 6, 18, 1, 3, 3, 1, 1, 2, 2 }, { 2, 17, 8, 6, 18, 1, 3, 3, 1, 1, 2, 1 },
};

/* Another one with the same numbers that does nothing but convolve: y, its gradient
 * and the places are spread by quads.h. Returns how many numbers differ. */
static int wrong_pooled(const struct conv *c)
{
	struct conv d;
	size_t n = c->ny / 4;
	float *y = numbers(n), *at = numbers(n);
	int wrong = 0;

	set_up(&d, c->s, 0);
	memcpy(d.x, c->x, c->nx * sizeof *c->x);
	memcpy(d.w, c->w, (c->nw + c->s.O) * sizeof *c->w);
	run(&d, 1);
	fl_quads_take(d.y, n / (c->OW / 2), c->OW, y, at, 1);
	fl_quads_give(d.dy, n / (c->OW / 2), c->OW, c->dy, at);
	run(&d, 1);
	for (size_t i = 0; i < n; i++)
		wrong += differ(c->y[i], y[i]) + differ(c->at[i], at[i]);
	for (size_t i = 0; i < c->nx; i++)
		wrong += differ(c->dx[i], d.dx[i]);
	for (size_t i = 0; i < c->nw; i++)
		wrong += differ(c->dw[i], d.dw[i]);
	for (size_t i = c->nw; i < c->nw + c->s.O; i++)	/* sums of another order */
		wrong += fabsf(c->dw[i] - d.dw[i]) > 1e-5f;
	tear_down(&d);
	free(y);
	free(at);
	return wrong;
}

/* A count of wrong numbers, then all numbers. */
static void everywhere(void *out)
{
	int *wrong = out;
	float *o = (float *)out + 4;

	each_seed = 23;
	for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
		struct conv c;

		set_up(&c, shapes[k], 1);
		for (size_t i = c.ny / 4; i < c.ny; i++)
			c.y[i] = c.at[i] = GUARD;
		run(&c, 1);
		*wrong += wrong_pooled(&c);
		for (size_t i = c.ny / 4; i < c.ny; i++)
			*wrong += differ(c.y[i], GUARD) + differ(c.at[i], GUARD);
		o = conv_copy(&c, o);
		tear_down(&c);
	}
}

/* Windows of 5 5 1 5, -1 -2 -3 -4, NaN 3 9 NaN and 0 -1 -2 -5. */
static void places(void)
{
	static const float x[] = { 5, 5, -1, -2, NAN, 3, 0, -1, 1, 5, -3, -4, 9, NAN, -2, -5 };
	float y[4], at[4];

	fl_quads_take(x, 1, 8, y, at, 0);
	ok(y[0] == 5 && y[1] == -1 && isnan(y[2]) && y[3] == 0, "the greatest, and NaN before all");
	ok(at[0] == 0 && at[1] == 0 && at[2] == 3 && at[3] == 0, "the first of equals");
	fl_quads_take(x, 1, 8, y, at, 1);
	ok(y[0] == 5 && y[1] == 0 && isnan(y[2]) && y[3] == 0, "rectified");
	ok(at[0] == 0 && at[1] == FL_QUADS_NONE && at[2] == 3 && at[3] == FL_QUADS_NONE,
	   "what relu makes 0 has no place");
}

int main(void)
{
	const int *wrong = each_same("pooled convolutions", everywhere, OUT);

	if (wrong)
		is_int(*wrong, 0, "numbers that are not those of the layers one by one");
	places();
	return tap_done();
}
