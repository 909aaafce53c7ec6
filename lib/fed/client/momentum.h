/* The server's momentum, which clients of the Mime family hold fixed in a round. */
#ifndef FL_FED_CLIENT_MOMENTUM_H
#define FL_FED_CLIENT_MOMENTUM_H

#include "fed/client/client.h"

/* What a server that adds the mean of it to its m needs for m' = beta m + (1 - beta) G:
 * (1 - beta)(G - m) as tensors PREFIX+NAME of update. G(P) becomes that. */
int fl_momentum_export(struct fl_local *l, double beta, const fl_real *m, fl_real *G,
                       const char *prefix, struct fl_tset *update, struct fl_err *e);

#endif
