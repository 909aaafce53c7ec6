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

#endif
