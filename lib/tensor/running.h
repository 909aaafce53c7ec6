/* Running statistics: what batch normalisation keeps of the batches that it saw. They
 * are no parameters, so that they count in no norm, no inner product and no step of an
 * optimiser, and nothing is kept of them; they are combined as means.
 *
 * A record tells them by PyTorch's names, the last component of a tensor's being
 * running_mean, running_var or num_batches_tracked; a net tells them by FL_RUNNING of
 * nn/layer.h. No architecture is built where the two differ. */
#ifndef FL_TENSOR_RUNNING_H
#define FL_TENSOR_RUNNING_H

#include "tensor/tset.h"

/* By the last component of a name, after '.' or '/', whatever stands before it. */
int fl_name_is_running(const char *name);
int fl_name_is_variance(const char *name);
/* Of a model or an update; extra tensors are none. */
int fl_tensor_is_running(const struct fl_tensor *t);

/* Of a model's tensors, whose names have that prefix ("" or FL_PRIVATE). FL_ENUM, with
 * tensor and element, where a variance is below 0. */
int fl_running_check(const struct fl_tset *model, const char *prefix, struct fl_err *e);

#endif
