/* A window of the image's own size at a random place in the image with a black frame. */
#include <string.h>

#include "augment/augment.h"

struct crop {
	int64_t pad;
};

static const struct fl_param params[] = {
	{ "pad", FL_P_INT, offsetof(struct crop, pad), "4", 0, 4096, NULL, "n",
	  "width of the frame in pixels" },
	{ 0 }
};

/* out(W) = in(W) moved by dx, black where in has nothing. */
static void move(const float *in, float *out, int64_t W, int64_t dx, float black)
{
	for (int64_t j = 0; j < W; j++)
		out[j] = j + dx >= 0 && j + dx < W ? in[j + dx] : black;
}

static void apply(const void *block, const struct fl_image *m, struct fl_rng *r, float *x,
                  float *room)
{
	int64_t pad = ((const struct crop *)block)->pad, W = (int64_t)m->W;
	int64_t dy = (int64_t)fl_rng_below(r, 2 * (uint64_t)pad + 1) - pad;
	int64_t dx = (int64_t)fl_rng_below(r, 2 * (uint64_t)pad + 1) - pad;

	memcpy(room, x, m->C * m->H * m->W * sizeof *x);
	for (size_t c = 0; c < m->C; c++)
		for (size_t i = 0; i < m->H; i++) {
			int64_t from = (int64_t)i + dy;
			int inside = from >= 0 && (size_t)from < m->H;

			/* A row outside is one that is moved out of sight. */
			move(room + (c * m->H + (inside ? (size_t)from : i)) * m->W,
			     x + (c * m->H + i) * m->W, W, inside ? dx : W, m->black[c]);
		}
}

const struct fl_augment fl_augment_crop = {
	.e = {
		.name = "crop",
		.title = "Random crop",
		.cite = "He et al., CVPR 2016; torchvision's RandomCrop with padding",
		.doc = "the image moved by up to pad pixels each way, black around it",
		.params = params,
		.psize = sizeof(struct crop),
		.formula = "x'(i,j) = x(i + u, j + v), u and v uniform on -pad..pad",
	},
	.image = 1,
	.apply = apply,
};
