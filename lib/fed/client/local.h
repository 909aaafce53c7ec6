/* What the files of a client's training share, and methods need not know. */
#ifndef FL_FED_CLIENT_LOCAL_H
#define FL_FED_CLIENT_LOCAL_H

#include "fed/client/client.h"

/* Examples a batch of a measurement: the same for every run, so that measured
 * values do not depend on -b. */
#define FL_MEASURE_BATCH ((size_t)256)

/* Goes on as the run's method i, whose l->p and l->priv hooks see; returns who it was. */
size_t fl_local_as(struct fl_local *l, size_t i);
/* The hooks of all methods of the run as one. */
struct fl_hooks fl_local_hooks(const struct fl_local *l);

/* That examples without a label, where there are any, are for one of the methods, and in the
 * way of none: FL_EDATA by row. */
int fl_local_labelled(const struct fl_local *l, const struct fl_data *d, struct fl_err *e);
/* Puts examples idx(B), or i0.. where idx is NULL, on a bench: inputs, classes and targets as
 * stored. */
void fl_bench_load(struct fl_bench *b, const struct fl_data *d, const uint32_t *idx, size_t i0,
                   size_t B);
/* What f says of the B examples that are on the bench, to its rows from i on. */
void fl_local_say(const struct fl_local *l, const struct fl_fixed *f, size_t i, size_t B);

#endif
