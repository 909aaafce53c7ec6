/* A record in memory: ordered named tensors, and a string to string map.
 *
 * Ownership: a tset owns its names, shapes, metadata and whatever was got from
 * its arena. Tensor data may be the arena's, or a view into a reader's buffer or
 * mapping (then it lives as long as the reader says). */
#ifndef FL_TENSOR_TSET_H
#define FL_TENSOR_TSET_H

#include <stdint.h>

#include "base/mem.h"
#include "tensor/dtype.h"

struct fl_tensor {
	const char *name;
	enum fl_dtype dtype;
	unsigned ndim;
	const size_t *dim;	/* (ndim) */
	size_t n;		/* elements: product of dim, 1 for a scalar */
	size_t bytes;
	void *data;		/* aligned to the dtype at least; NULL if bytes == 0 */
	size_t at;		/* of one that was read: byte in its record's buffer */
};

struct fl_kv {
	const char *key, *val;
};

struct fl_name {
	const char *name;
	size_t i;		/* position in t */
};

/* Add, sort and release through the functions below: they keep the index. */
struct fl_tset {
	struct fl_tensor *t;	/* (nt) */
	size_t nt, tcap;
	struct fl_name *byname;	/* (nt) sorted by name */
	size_t namecap;
	struct fl_kv *kv;	/* sorted by key, strcmp order */
	size_t nkv, kvcap;
	struct fl_arena arena;
};

/* All zero is empty, and so is what was released. */
void fl_tset_release(struct fl_tset *s);

/* Adds a tensor with the given shape; data NULL means zeroed room from the
 * arena, else a view of data. Copies name and dim. A name that is there is
 * FL_EDATA. Returns the tensor (valid until the next add), or NULL. */
struct fl_tensor *fl_tset_add(struct fl_tset *s, const char *name, enum fl_dtype dtype,
                              unsigned ndim, const size_t *dim, void *data, struct fl_err *e);
/* The same with data left NULL, for the caller to set. */
struct fl_tensor *fl_tset_add_bare(struct fl_tset *s, const char *name, enum fl_dtype dtype,
                                   unsigned ndim, const size_t *dim, struct fl_err *e);
/* Adds a deep copy of t under name (NULL: its own). */
struct fl_tensor *fl_tset_copy(struct fl_tset *s, const char *name, const struct fl_tensor *t,
                               struct fl_err *e);
/* By name, O(log n); NULL where absent. */
const struct fl_tensor *fl_tset_find(const struct fl_tset *s, const char *name);
/* Stable order of the format: dtype, then name. Writers call it themselves. */
void fl_tset_sort(struct fl_tset *s);
/* A tensor of a method: its name starts with '@'. */
int fl_tensor_is_extra(const struct fl_tensor *t);
int fl_tensor_same_shape(const struct fl_tensor *a, const struct fl_tensor *b);
/* "10x84", "scalar"; buf[n]. Returns buf. */
char *fl_tensor_shape_str(const struct fl_tensor *t, char *buf, size_t n);
/* Deep copy of everything into dst, whatever it held (release it before). */
int fl_tset_clone(struct fl_tset *dst, const struct fl_tset *src, struct fl_err *e);

/* Metadata. set copies key and value; val NULL removes. get: NULL if absent. */
int fl_meta_set(struct fl_tset *s, const char *key, const char *val, struct fl_err *e);
const char *fl_meta_get(const struct fl_tset *s, const char *key);

#endif
