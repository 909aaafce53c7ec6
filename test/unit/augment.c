/* Augmentations on images small enough to write down, and how often what happens. */
#include "augment/augment.h"
#include "tap.h"

#include <string.h>

enum { H = 3, W = 4, C = 2, DRAWS = 9000 };

static struct fl_arena arena;
static const float black[C] = { -1, -2 };

static struct fl_spec spec(const char *text)
{
	struct fl_err e = { 0 };
	struct fl_spec s = { .entry = NULL };

	ok(!fl_spec_parse(&fl_family_augment, text, &arena, &s, &e), "%s %s", text, e.msg);
	return s;
}

static void apply(const struct fl_spec *s, size_t c, uint64_t key, float *x)
{
	struct fl_image m = { c, H, W, black };
	float room[C * H * W];
	struct fl_rng r;

	fl_rng_init(&r, 1, 1, 1, FL_RNG_AUGMENT, key);
	((const struct fl_augment *)s->entry)->apply(s->p, &m, &r, x, room);
}

/* 1 to 12, and 101 to 112 in the second channel. */
static void fill(float *x)
{
	for (int c = 0; c < C; c++)
		for (int i = 0; i < H * W; i++)
			x[c * H * W + i] = (float)(100 * c + i + 1);
}

static void test_crop(void)
{
	/* Moved up and left by one, and down and right by two; the second channel's black. */
	static const float up[H * W] = { 6, 7, 8, -1, 10, 11, 12, -1, -1, -1, -1, -1 };
	static const float down[H * W] = { -2, -2, -2, -2, -2, -2, -2, -2, -2, -2, 101, 102 };
	struct fl_spec s = spec("crop:pad=2");
	int seen_up = 0, seen_down = 0, wrong = 0;
	double n[5][5] = { { 0 } }, chi = 0;

	for (uint64_t key = 0; key < DRAWS; key++) {
		float x[C * H * W], was[C * H * W];
		int u = 9, v = 9;

		fill(was);
		fill(x);
		apply(&s, C, key, x);
		for (int i = -2; i <= 2; i++)	/* the only move that explains both channels */
			for (int j = -2; j <= 2; j++) {
				int same = 1;

				for (int c = 0; c < C; c++)
					for (int a = 0; a < H * W; a++) {
						int y = a / W + i, z = a % W + j;
						int in = y >= 0 && y < H && z >= 0 && z < W;

						same &= x[c * H * W + a] == (in ? was[c * H * W + y * W + z] : black[c]);
					}
				if (same) {
					u = i;
					v = j;
				}
			}
		wrong += u == 9;
		if (u != 9)
			n[u + 2][v + 2]++;
		seen_up += u == 1 && v == 1 && !memcmp(x, up, sizeof up);
		seen_down += u == -2 && v == -2 && !memcmp(x + H * W, down, sizeof down);
	}
	is_int(wrong, 0, "every crop is the image, moved");
	ok(seen_up == (int)n[3][3] && seen_down == (int)n[0][0] && seen_up && seen_down,
	   "to these values");
	for (int i = 0; i < 25; i++)
		chi += pow(n[i / 5][i % 5] - DRAWS / 25., 2) / (DRAWS / 25.);
	ok(chi < 51.2, "all 25 moves alike: chi square of 24 degrees %.1f < 51.2 (1 in 1000)", chi);
}

static void test_flip(void)
{
	static const float want[H * W] = { 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9 };
	struct fl_spec s = spec("flip:p=0.3");
	int flips = 0, same = 0;

	for (uint64_t key = 0; key < DRAWS; key++) {
		float x[C * H * W], was[C * H * W];

		fill(was);
		fill(x);
		apply(&s, 1, key, x);
		flips += !memcmp(x, want, sizeof want);
		same += !memcmp(x, was, sizeof was);
	}
	is_int(flips + same, DRAWS, "an image is flipped or as it was");
	ok(fabs(flips - .3 * DRAWS) < 3.3 * sqrt(.21 * DRAWS), "in 0.3 of %d: %d", DRAWS, flips);
}

/* As a data record brings them: channels, a scale, the black that follows. */
static void test_list(void)
{
	size_t dim[4] = { 1, C, H, W }, one = 1;
	struct fl_tset rec = { .t = NULL };
	struct fl_err e = { 0 };
	struct fl_spec list[2] = { spec("crop:pad=2"), spec("flip:p=1") };
	struct fl_augmenter a;
	struct fl_data d;
	struct fl_rng r;
	float x[C * H * W], y[C * H * W];

	memset(fl_tset_add(&rec, "x", FL_U8, 4, dim, NULL, &e)->data, 9, C * H * W);
	memset(fl_tset_add(&rec, "y", FL_I64, 1, &one, NULL, &e)->data, 0, 8);
	fl_meta_set(&rec, "fl.scale", "{\"div\":2,\"mean\":[0.5,1],\"std\":[0.5,0.5]}", &e);
	if (!ok(!fl_data_take(&d, &rec, NULL, "data", &e) &&
	        !fl_augmenter_init(&a, list, 2, &d, &arena, &e), "a list for images %s", e.msg))
		return;
	ok(a.image.C == C && a.image.H == H && a.image.W == W, "knows their shape");
	ok(a.image.black[0] == -1 && a.image.black[1] == -2, "and their black");
	fill(x);
	fill(y);
	fl_rng_init(&r, 1, 1, 1, FL_RNG_AUGMENT, 5);
	fl_augmenter_apply(&a, &r, x);
	apply(&list[0], C, 5, y);
	apply(&list[1], C, 5, y);
	ok(!memcmp(x, y, sizeof x), "applies one after the other");
	fl_data_release(&d);
}

int main(void)
{
	test_crop();
	test_flip();
	test_list();
	fl_arena_release(&arena);
	return tap_done();
}
