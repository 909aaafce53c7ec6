/* A folder with a record a client: NNNN.safetensors, by fl.client. */
#ifndef FL_FED_CLIENTS_H
#define FL_FED_CLIENTS_H

#include "tensor/tset.h"

/* Writes rec(n), each of which says its fl.client, into the folder path: all of them appear, or
 * none. What the folder has of other clients stays. sync as in fl_out_open(). */
int fl_clients_save(const char *path, struct fl_tset *rec, size_t n, int sync, struct fl_err *e);

#endif
