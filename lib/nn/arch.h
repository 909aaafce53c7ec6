/* The JSON of an architecture <-> the bare layer list of a net. */
#ifndef FL_NN_ARCH_H
#define FL_NN_ARCH_H

#include "base/json.h"
#include "base/str.h"
#include "nn/net.h"

/* Fills in, layer (entry, p, name; the rest zero), nlayer, loss and feature_layer
 * (SIZE_MAX where not given), in net's arena. FL_EUSAGE with the place. */
int fl_arch_read(struct fl_net *net, const char *json, struct fl_err *e);
/* Canonical: one line, every key; those of taps and branches where there are any. */
int fl_arch_print(const struct fl_net *net, struct fl_str *out, struct fl_err *e);

/* A list of sizes as a shape. FL_EUSAGE; what: its key. */
int fl_arch_sizes(const json_t *v, const char *what, struct fl_shape *s, struct fl_err *e);
/* FL_EUSAGE where an object has a key that is not in names, which a NULL ends. */
int fl_arch_keys(json_t *o, const char *const *names, struct fl_err *e);
/* The layer, among those read, that is called so in block parent, or at the top where it is NULL.
 * SIZE_MAX: FL_EUSAGE, there is none, or two. */
size_t fl_arch_layer(const struct fl_net *net, const struct fl_layer *parent, const char *name,
                     struct fl_err *e);
/* A weight of a loss; 1 where v is NULL. */
#define FL_TAP_WEIGHT_MAX 1e6
int fl_arch_weight(const json_t *v, double *weight, struct fl_err *e);
void fl_arch_quote(const char *s, struct fl_str *out);

#endif
