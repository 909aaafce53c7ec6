/* Stages of a net: runs of residual blocks, of which the later ones give what they read in the
 * same shape. Nets that differ in depth alone share the first blocks of every stage. */
#ifndef FL_NN_STAGES_H
#define FL_NN_STAGES_H

#include "nn/net.h"

/* Whether layer i stands in the list of layers itself: of a block, the block. */
int fl_net_is_top(const struct fl_net *net, size_t i);
/* Layers that may stand between blocks of a stage: elementwise ones without tensors. */
int fl_layer_is_between(const struct fl_layer *l);
/* first(nlayer): of each block in the list of layers, the first of its stage; SIZE_MAX of what
 * is none. Returns how many blocks there are. */
size_t fl_net_stages(const struct fl_net *net, size_t *first);

#endif
