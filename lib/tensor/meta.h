/* Typed fl.* keys, provenance, and what names a model. Keys and meanings: the
 * table of fl-stream(5). */
#ifndef FL_TENSOR_META_H
#define FL_TENSOR_META_H

#include "base/hash.h"
#include "base/str.h"
#include "tensor/tset.h"

enum fl_kind {
	FL_KIND_NONE,		/* a plain safetensors file: no fl.kind */
	FL_KIND_DATA, FL_KIND_MODEL, FL_KIND_UPDATE, FL_KIND_PARTIAL, FL_KIND_STATE,
	FL_KIND_STATS, FL_KIND_EMBED, FL_KIND_RESULT, FL_KIND_END
};

const char *fl_kind_name(enum fl_kind k);
/* FL_EDATA for an unknown fl.kind or an fl.v that is not 1. */
int fl_meta_kind(const struct fl_tset *s, enum fl_kind *k, struct fl_err *e);
/* Sets fl.v and fl.kind. */
int fl_meta_set_kind(struct fl_tset *s, enum fl_kind k, struct fl_err *e);

/* Present and well formed: 1; absent: 0 (*v untouched); malformed: FL_EDATA, -1.
 * i64 wants a non-negative integer, real a finite number. */
int fl_meta_i64(const struct fl_tset *s, const char *key, int64_t *v, struct fl_err *e);
int fl_meta_real(const struct fl_tset *s, const char *key, double *v, struct fl_err *e);
/* As above, but absent is FL_EDATA too ("fl.client is missing"). */
int fl_meta_need_i64(const struct fl_tset *s, const char *key, int64_t *v, struct fl_err *e);
int fl_meta_set_i64(struct fl_tset *s, const char *key, int64_t v, struct fl_err *e);
int fl_meta_set_real(struct fl_tset *s, const char *key, double v, struct fl_err *e);

/* Appends a line to fl.prov (creates it). */
int fl_meta_add_prov(struct fl_tset *s, const char *line, struct fl_err *e);

/* What fl.base, fl.parent and the base of a state say of a model.
 *
 * fl_base_text: BLAKE2b-256 over the text of fl.arch (none: empty) and, for each tensor in
 * the format's order, whatever order s has, a line "DTYPE SHAPE NAME HASH"; each of these
 * ends with a newline. SHAPE is as st-ls prints it (10x84, scalar), HASH that of the tensor's
 * bytes, and in NAME the bytes below 0x21, 0x7f and % are percent-encoded, so that no name can
 * stand for two tensors. Other metadata does not count. Tensors are hashed on so many
 * threads. FL_ENOMEM.
 *
 * fl_base_crc: what files of before version 0.2 say instead, CRC-32 of the record's buffer
 * in 8 hex digits. Read and compared, never written. */
#define FL_BASE_CRC 9		/* 8 digits and NUL */
int fl_base_text(const struct fl_tset *s, int threads, char out[FL_HASH_TEXT], struct fl_err *e);
void fl_base_crc(const struct fl_tset *s, char out[FL_BASE_CRC]);
/* Whether text is one of the two. */
int fl_base_is(const char *text);
/* Whether claim names the model whose hash this is. model is looked at where claim is a CRC
 * only. */
int fl_base_names(const char *claim, const char *hash, const struct fl_tset *model);
/* Whether two files can speak of the same model: an old name and a new one cannot be
 * compared, and pass. */
int fl_base_agree(const char *a, const char *b);

#endif
