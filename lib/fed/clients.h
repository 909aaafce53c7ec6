/* A folder with a record a client: NNNN.safetensors, by fl.client. */
#ifndef FL_FED_CLIENTS_H
#define FL_FED_CLIENTS_H

#include "base/dir.h"
#include "tensor/tset.h"

/* All records that are added appear with the commit, or none; fl_dir_abort() at the end in any
 * case. What the folder has of other clients stays. */
int fl_clients_open(struct fl_dir *d, const char *path, struct fl_err *e);
/* rec must say its fl.client. */
int fl_clients_add(const struct fl_dir *d, struct fl_tset *rec, struct fl_err *e);
/* sync as in fl_out_open(). */
int fl_clients_commit(struct fl_dir *d, int sync, struct fl_err *e);

/* Writes rec(n) so. */
int fl_clients_save(const char *path, struct fl_tset *rec, size_t n, int sync, struct fl_err *e);

#endif
