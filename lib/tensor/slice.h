/* fl.slice: which coordinates of whole tensors a record's blocks are. A JSON object of, for
 * each such tensor, what stands along every dimension: a range [from, to), or a list of
 * ranges that are laid end to end:
 *   {"0.weight":[[0,32],[0,784]],"2.weight":[[0,10],[[60,64],[0,28]]]} */
#ifndef FL_TENSOR_SLICE_H
#define FL_TENSOR_SLICE_H

#include "base/json.h"
#include "base/str.h"
#include "tensor/st.h"

/* at[d][i]: where index i of dimension d of the block stands in the whole. */
struct fl_block {
	unsigned ndim;
	size_t dim[FL_ST_NDIM_MAX];	/* of the block */
	size_t *at[FL_ST_NDIM_MAX];
};

/* The object, or NULL: FL_EDATA. The caller drops the reference. */
json_t *fl_slice_load(const char *text, struct fl_err *e);
/* The block that ranges, of the object, say t is of a tensor of whole's shape. FL_EDATA,
 * without fl.slice before it, where they are not ranges of whole, not those of t, or name a
 * coordinate twice. Its numbers are in a. */
int fl_block_read(const json_t *ranges, const struct fl_tensor *t, const struct fl_tensor *whole,
                  struct fl_arena *a, struct fl_block *out, struct fl_err *e);
/* A block b of what is a block itself, outer, as one of the whole. Its numbers are in a. */
int fl_block_within(const struct fl_block *b, const struct fl_block *outer, struct fl_arena *a,
                    struct fl_block *out, struct fl_err *e);
/* Appends the ranges. */
void fl_block_print(const struct fl_block *b, struct fl_str *out);

/* Of an extra tensor of a method, "@method/NAME" or "@method/what/NAME", the ranges of NAME,
 * which are its own, too; and NAME. NULL where there are none. */
const json_t *fl_slice_of_extra(const json_t *slices, const char *extra, const char **name);

#endif
