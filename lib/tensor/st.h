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
 * data NULL; as the buffer has no holes, a tensor begins where the one before
 * ends. *buffer = bytes of the buffer. Refuses what the reference refuses,
 * duplicate keys, NUL in text, and what exceeds the limits above: FL_EDATA with
 * tensor or byte; s is then released. */
int fl_st_parse(struct fl_tset *s, const char *json, size_t n, size_t *buffer, struct fl_err *e);
/* Sets data of all tensors to views into buffer, in order. */
void fl_st_bind(struct fl_tset *s, void *buffer);
/* Sorts s and appends 8 length bytes and the padded header to out, byte for byte
 * as the reference writes it. FL_EDATA for text that is not UTF-8 and for what
 * exceeds the limits above. */
int fl_st_header(struct fl_tset *s, struct fl_str *out, struct fl_err *e);
/* Appends text as a JSON string, with the escapes serde_json uses; FL_EDATA where
 * it is not UTF-8. */
int fl_st_string(struct fl_str *out, const char *text, struct fl_err *e);

#endif
