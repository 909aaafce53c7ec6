/* Windows that slide over the planes of an image: what convolution and pooling
 * share. Sizes come as one number for both directions, or as rows+columns. */
#ifndef FL_NN_WINDOW_H
#define FL_NN_WINDOW_H

#include "nn/layer.h"

struct fl_window {
	size_t C, H, W;		/* in */
	size_t OH, OW;		/* windows along rows and columns */
	size_t kh, kw, sh, sw, ph, pw;	/* kernel, stride, padding */
};

/* From l->in and the dims of a layer's parameters; stride NULL or empty: the
 * kernel. FL_EUSAGE where the input is no (C,H,W) or no window fits. */
int fl_window_init(struct fl_window *g, const struct fl_layer *l, const struct fl_dims *kernel,
                   const struct fl_dims *stride, const struct fl_dims *padding,
                   struct fl_err *e);

/* Layers that pool: their parameters, given what padding is, and their windows. */
struct fl_pool_params {
	struct fl_dims kernel, stride, padding;
};
#define FL_POOL_PARAMS(padding_is)                                                           \
	{ "kernel", FL_P_DIMS, offsetof(struct fl_pool_params, kernel), "2", 1, 4096, NULL, "n[+n]", \
	  "size of the window" },                                                            \
	{ "stride", FL_P_DIMS, offsetof(struct fl_pool_params, stride), "none", 1, 4096, NULL,      \
	  "n[+n]", "step between windows; none: their size" },                               \
	{ "padding", FL_P_DIMS, offsetof(struct fl_pool_params, padding), "0", 0, 2048, NULL,       \
	  "n[+n]", padding_is ", at most half a window" }
int fl_pool_window(struct fl_window *g, const struct fl_layer *l, struct fl_err *e);
/* The layer's output. FL_EUSAGE where a window could lie in padding alone, too. */
int fl_pool_shape(struct fl_layer *l, struct fl_err *e);

/* The windows [*lo,*hi) of N along a direction, step s, whose place k lies in the
 * input of length n with padding p. */
static inline void fl_window_inside(size_t k, size_t n, size_t N, size_t s, size_t p,
                                    size_t *lo, size_t *hi)
{
	*lo = k < p ? (p - k + s - 1) / s : 0;
	*hi = n + p > k ? (n + p - k - 1) / s + 1 : 0;
	if (*hi > N)
		*hi = N;
	if (*lo > *hi)
		*lo = *hi;
}

#endif
