/* Parameters of a linear layer, for layers that leave the work to it. */
#ifndef FL_NN_LINEAR_H
#define FL_NN_LINEAR_H

#include "nn/layer.h"

struct fl_linear {
	int64_t out;
	int bias, init;
};
enum { FL_LINEAR_TORCH, FL_LINEAR_ZERO, FL_LINEAR_GLOROT };
extern const struct fl_param fl_linear_params[];
/* A layer of these whose shape() makes the only parameter a buffer has fixed weights. */
extern const struct fl_layer_entry fl_layer_linear;
extern const struct fl_layer_entry fl_layer_steplinear;

/* Their forward passes with the relu that follows: y = max(x w + b, 0). */
void fl_linear_relu(const struct fl_layer *l, const struct fl_pass *a);
void fl_steplinear_relu(const struct fl_layer *l, const struct fl_pass *a);

#endif
