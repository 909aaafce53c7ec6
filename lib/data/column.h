/* Tensors of others as x, y, group, id of a data record. */
#ifndef FL_DATA_COLUMN_H
#define FL_DATA_COLUMN_H

#include "tensor/tset.h"

/* t where it is U8 or F32, else its values as F32, in a; its name and shape stay t's. NULL
 * and FL_EDATA for what is no number. */
const struct fl_tensor *fl_column_inputs(const struct fl_tensor *t, struct fl_arena *a,
                                        struct fl_err *e);
/* Copies t as x: U8 and F32 as they are, other types as F32. FL_EDATA for a value
 * that is finite no longer. */
int fl_column_x(struct fl_tset *rec, const struct fl_tensor *t, struct fl_err *e);
/* Copies t, which must be of integers in one dimension, as name. */
int fl_column_integers(struct fl_tset *rec, const char *name, const struct fl_tensor *t,
                       struct fl_err *e);

#endif
