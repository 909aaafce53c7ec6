/* One tensor of a file, named as FILE#NAME. */
#ifndef FL_DATA_NAMED_H
#define FL_DATA_NAMED_H

#include "tensor/tset.h"

/* source taken apart at its last '#', unless there is a file of that whole name or the '#'
 * is of a folder's name: *path, which the caller frees, and *name behind it, or NULL. */
int fl_named_split(const char *source, char **path, const char **name, struct fl_err *e);
/* The tensor that source means, as the only one of rec (empty): tensor NAME of a stream of
 * one record, or `otherwise` where no NAME is given; array NAME of an .npz, or its only
 * one; an .npy. "-" is a record on standard input. Messages begin with the path. */
int fl_named_load(const char *source, const char *otherwise, struct fl_tset *rec,
                  struct fl_err *e);

#endif
