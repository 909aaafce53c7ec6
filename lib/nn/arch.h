/* The JSON of an architecture <-> the bare layer list of a net. */
#ifndef FL_NN_ARCH_H
#define FL_NN_ARCH_H

#include "base/str.h"
#include "nn/net.h"

/* Fills in, layer (entry, p, name; the rest zero), nlayer, loss and feature_layer
 * (SIZE_MAX where not given), in net's arena. FL_EUSAGE with the place. */
int fl_arch_read(struct fl_net *net, const char *json, struct fl_err *e);
/* Canonical: one line, every key. */
int fl_arch_print(const struct fl_net *net, struct fl_str *out, struct fl_err *e);

#endif
