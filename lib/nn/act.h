/* What activations share: the shape, and functions over arrays of fl_real. */
#ifndef FL_NN_ACT_H
#define FL_NN_ACT_H

#include "nn/layer.h"

/* out is in. */
int fl_act_shape(struct fl_layer *l, struct fl_err *e);
/* y may be x. */
void fl_act_tanh(const fl_real *x, fl_real *y, size_t n);
void fl_act_sigmoid(const fl_real *x, fl_real *y, size_t n);
void fl_act_exp(const fl_real *x, fl_real *y, size_t n);
void fl_act_log(const fl_real *x, fl_real *y, size_t n);
/* log(1 + exp(x)), to full relative precision; y must not be x. */
void fl_act_softplus(const fl_real *x, fl_real *y, size_t n);
/* The standard normal distribution and its density; arrays apart. */
void fl_act_normal(const fl_real *x, fl_real *cdf, fl_real *pdf, size_t n);
/* fl_softmax_rows in fl_real; p may be z. */
void fl_act_softmax(const fl_real *z, fl_real *p, fl_real *lse, size_t B, size_t C);

#endif
