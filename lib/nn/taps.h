/* Taps of a net (net.h): their text, their shapes, and their part in a step. */
#ifndef FL_NN_TAPS_H
#define FL_NN_TAPS_H

#include "base/json.h"
#include "base/str.h"
#include "nn/net.h"

/* Once layers are read: name, of, loss and weight of each. FL_EUSAGE with the place. */
int fl_taps_read(struct fl_net *net, json_t *v, struct fl_err *e);
/* ,"taps":[...] where there are any. */
void fl_taps_print(const struct fl_net *net, struct fl_str *out);
/* Once layers have shapes and the net its targets: sizes, targets of their losses, and
 * which layers' outputs go to taps alone. FL_EUSAGE: what does not fit. */
int fl_taps_shape(struct fl_net *net, struct fl_err *e);

/* Buffers and weights of a step. */
int fl_taps_init(struct fl_work *k, const struct fl_net *net, int training, struct fl_err *e);
/* The sum of their losses by their weights; with grad, what backward adds. */
double fl_taps_loss(const struct fl_net *net, struct fl_work *k, const int32_t *y, size_t B,
                    int grad);
/* Adds their gradients to that of activation at > 0, once its readers have theirs there. */
void fl_taps_back(const struct fl_net *net, struct fl_work *k, size_t at, size_t B);
/* What losses see of a step: all but C, z and dz. */
struct fl_batch fl_work_batch(const struct fl_net *net, const struct fl_work *k, const int32_t *y,
                              size_t B);

#endif
