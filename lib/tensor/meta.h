/* Typed fl.* keys, provenance and the base checksum. Keys and meanings: the
 * table of fl-stream(5). */
#ifndef FL_TENSOR_META_H
#define FL_TENSOR_META_H

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

/* fl.base of a model: CRC-32 of its buffer as it is written (tensors in the
 * format's order, whatever order s has), 8 hex digits and NUL into out[9]. */
void fl_meta_base(const struct fl_tset *s, char out[9]);

#endif
