/* One safetensors header <-> tset. Knows the format and its limits; not files. */
#ifndef FL_TENSOR_ST_H
#define FL_TENSOR_ST_H

#include "base/str.h"
#include "tensor/tset.h"

#define FL_ST_HEADER_MAX 100000000u	/* the reference's hard limit */
#define FL_ST_HEADER_DEF (16u << 20)	/* ours unless raised */
#define FL_ST_TENSORS_MAX 100000u
#define FL_ST_NDIM_MAX 32
#define FL_ST_NAME_MAX 4096

/* Parses n bytes of header JSON into s (empty). Tensors come in buffer order,
 * data NULL; offset[i] (may be NULL; room from s's arena) receives begin offsets.
 * *buffer = bytes of the buffer. Refuses what the reference refuses, duplicate
 * keys, and names with NUL or beyond FL_ST_NAME_MAX: FL_EDATA with tensor or byte. */
int fl_st_parse(struct fl_tset *s, const char *json, size_t n, size_t *buffer, struct fl_err *e);
/* Sets data of all tensors to views into buffer, in order. */
void fl_st_bind(struct fl_tset *s, void *buffer);
/* Sorts s and appends 8 length bytes and the padded header to out. */
int fl_st_header(struct fl_tset *s, struct fl_str *out, struct fl_err *e);

#endif
