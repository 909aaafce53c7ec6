/* What activations share: the shape, and functions over arrays of fl_real. */
#ifndef FL_NN_ACT_H
#define FL_NN_ACT_H

#include "nn/layer.h"

/* out is in. */
int fl_act_shape(struct fl_layer *l, struct fl_err *e);
/* y may be x. */
void fl_act_tanh(const fl_real *x, fl_real *y, size_t n);
void fl_act_sigmoid(const fl_real *x, fl_real *y, size_t n);

#endif
