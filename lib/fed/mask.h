/* Which coordinates of a tensor of an update count: "@mask/NAME" beside NAME, U8: 1 where the
 * client has them, and else 0; or F32: what each counts in weighted means, 0 or more. */
#ifndef FL_FED_MASK_H
#define FL_FED_MASK_H

#include "tensor/tset.h"

#define FL_MASK "@mask/"
int fl_mask_is(const char *name);
/* That the mask is one of t, NULL where there is none; where it says what the client has, t has
 * nothing outside. FL_EDATA. */
int fl_mask_check(const struct fl_tensor *mask, const struct fl_tensor *t, struct fl_err *e);

#endif
