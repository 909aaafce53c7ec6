/* Parameters of a convolution, for layers that change its weights and leave the
 * rest to it. */
#ifndef FL_NN_CONV2D_H
#define FL_NN_CONV2D_H

#include "nn/layer.h"

struct fl_conv2d {
	int64_t out, groups;
	struct fl_dims kernel, stride, padding;
	int bias, init;
};
enum { FL_CONV2D_TORCH, FL_CONV2D_KAIMING, FL_CONV2D_GLOROT };
extern const char *const fl_conv2d_init[];	/* by the above, NULL-terminated */

/* Rows of a parameter table for blocks that begin with fl_conv2d. */
#define FL_CONV2D_PARAMS \
	{ "out", FL_P_INT, offsetof(struct fl_conv2d, out), NULL, 1, 1 << 20, NULL, "n", \
	  "output channels; must be given" }, \
	{ "kernel", FL_P_DIMS, offsetof(struct fl_conv2d, kernel), "3", 1, 4096, NULL, "n[+n]", \
	  "size of the kernel" }, \
	{ "stride", FL_P_DIMS, offsetof(struct fl_conv2d, stride), "1", 1, 4096, NULL, "n[+n]", \
	  "step between windows" }, \
	{ "padding", FL_P_DIMS, offsetof(struct fl_conv2d, padding), "0", 0, 4096, NULL, "n[+n]", \
	  "zeros around the input" }, \
	{ "groups", FL_P_INT, offsetof(struct fl_conv2d, groups), "1", 1, 1 << 20, NULL, "n", \
	  "groups of channels that are convolved apart" }, \
	{ "bias", FL_P_BOOL, offsetof(struct fl_conv2d, bias), "on", 0, 0, NULL, NULL, \
	  "whether a bias is added" }, \
	{ "init", FL_P_ENUM, offsetof(struct fl_conv2d, init), NULL, 0, 0, fl_conv2d_init, "how", \
	  "initial weights: torch, its default, kaiming, glorot; unset: torch" }

extern const struct fl_layer_entry fl_layer_conv2d;	/* weight first, then bias */

/* What a convolution does to its outputs while they are at hand. With pooling, y and dy of a
 * pass are the pooling's and its cache holds the places, as quads.h has them: a quarter of the
 * numbers, and of their gradients, is stored, and db is the sum of that part of dy that goes
 * anywhere. With relu alone, backward is the bare one, of dy before the relu. */
enum fl_conv2d_end {
	FL_CONV2D_BARE,
	FL_CONV2D_RELU,
	FL_CONV2D_POOL		/* relu, then max-pooling of 2x2 */
};

/* How a layer that convolves runs to any such end: for steps that compute it with what
 * follows. Only l itself is read, not what stands behind it. */
struct fl_convolution {
	size_t (*scratch)(const struct fl_layer *l, size_t B, enum fl_conv2d_end end);
	void (*forward)(const struct fl_layer *l, const struct fl_pass *a, enum fl_conv2d_end end);
	void (*backward)(const struct fl_layer *l, const struct fl_pass *a, enum fl_conv2d_end end);
};
extern const struct fl_convolution fl_conv2d_run;

#endif
