/* The relu, for what knows it among other layers. */
#ifndef FL_NN_RELU_H
#define FL_NN_RELU_H

#include "nn/layer.h"

extern const struct fl_layer_entry fl_layer_relu;

#endif
