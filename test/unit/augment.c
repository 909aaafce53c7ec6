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

static void fill_one(float *x)
{
	for (int i = 0; i < H * W; i++)
		x[i] = (float)(i + 1);
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
	        !fl_augmenter_init(&a, list, 2, &d, 4, &arena, &e), "a list for images %s", e.msg))
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

static void test_noise(void)
{
	struct fl_spec s = spec("noise:sigma=0.5");
	double sum = 0, squares = 0;

	for (uint64_t key = 0; key < DRAWS; key++) {
		float x[H * W], was[H * W];

		fill_one(was);
		fill_one(x);
		apply(&s, 1, key, x);
		for (int i = 0; i < H * W; i++) {
			sum += (double)x[i] - (double)was[i];
			squares += ((double)x[i] - (double)was[i]) * ((double)x[i] - (double)was[i]);
		}
	}
	sum /= DRAWS * H * W;
	squares /= DRAWS * H * W;
	ok(fabs(sum) < 4 * .5 / sqrt(DRAWS * H * W), "noise has mean 0: %g", sum);
	ok(fabs(squares - .25) < 4 * .25 * sqrt(2. / (DRAWS * H * W)), "and the variance asked for: %g", squares);
}

enum { B = 5, D = 3 };

/* One batch of five, two of them without a label; row b holds 10 b + column. */
static struct fl_mixed mixed(const struct fl_augmenter *a, uint64_t key, float *x, float *t, int32_t *y2)
{
	static const int32_t y[B] = { 2, 0, 1, -1, -1 };
	struct fl_mixed m = { .B = B, .d = D, .T = 1, .x = x, .target = t, .y = y, .y2 = y2 };
	struct fl_rng r;

	for (int i = 0; i < B * D; i++)
		x[i] = (float)(10 * (i / D) + i % D);
	for (int b = 0; b < B; b++)
		t[b] = (float)b;
	fl_rng_init(&r, 1, 1, 1, FL_RNG_MIX, key);
	fl_augmenter_mix(a, &r, &m);
	return m;
}

static void test_mixup(void)
{
	static const int32_t y[B] = { 2, 0, 1, -1, -1 };
	struct fl_spec list[2] = { spec("noise"), spec("mixup:alpha=0.4") };
	struct fl_spec wrong[2] = { spec("mixup"), spec("noise") };
	struct fl_data d = { .N = B, .d = D, .name = "data" };
	struct fl_augmenter a;
	struct fl_err e = { 0 };
	double sum = 0, squares = 0;
	int fine = 1, moved = 0;

	ok(fl_augmenter_init(&a, wrong, 2, &d, B, &arena, &e) && e.code == FL_EUSAGE, "mixup is not first");
	is_str(e.msg, "mixup mixes whole batches, so it comes last in a list of augmentations", "but last");
	ok(!fl_augmenter_init(&a, list, 2, &d, B, &arena, &e) && a.mixes, "vectors need be no images");
	for (uint64_t key = 0; key < DRAWS; key++) {
		float x[B * D], t[B];
		int32_t y2[B];
		struct fl_mixed m = mixed(&a, key, x, t, y2);
		double l = m.keep;

		sum += l;
		squares += l * l;
		for (int b = 0; b < B; b++) {
			uint32_t j = m.order[b];

			fine = fine && (b < 3) == (j < 3) && y2[b] == y[j];
			fine = fine && fabs((double)t[b] - (l * b + (1 - l) * j)) < 1e-5;
			for (int i = 0; i < D; i++)
				fine = fine && fabs((double)x[b * D + i] - (l * 10 * b + (1 - l) * 10 * j + i)) < 1e-4;
			moved += j != (uint32_t)b;
		}
	}
	sum /= DRAWS;
	squares = squares / DRAWS - sum * sum;
	ok(fine, "examples, classes and targets are mixed alike, with and without a label apart");
	ok(fabs(moved - DRAWS * 3.) < 4 * sqrt(3. * DRAWS), "by a random permutation: %d", moved);
	ok(fabs(sum - .5) < 4 * sqrt(squares / DRAWS), "at a weight of mean 1/2: %g", sum);
	ok(fabs(squares - .25 / 1.8) < .004, "and the variance of Beta(0.4, 0.4): %g", squares);
}

int main(void)
{
	test_noise();
	test_mixup();
	test_crop();
	test_flip();
	test_list();
	fl_arena_release(&arena);
	return tap_done();
}
