/* Residual networks for images of 3x32x32: what the presets share. */
#ifndef FL_MODEL_RESNET_H
#define FL_MODEL_RESNET_H

#include "model/model.h"

/* Block of the presets' parameters, and their table. */
struct fl_resnet {
	int64_t out, groups;
};
extern const struct fl_param fl_resnet_params[];

/* A 3x3 convolution to width[0], then stages of blocks of two 3x3 convolutions,
 * each stage after the first at half the resolution; GroupNorm; a mean; a linear
 * layer. Tensors are named as torchvision names them (bn1 is the norm), and begin as
 * there. */
int fl_resnet_json(const struct fl_resnet *p, const int *width, int stages, int blocks,
                   struct fl_str *out, struct fl_err *e);

#endif
