/* Embeddings: rows of a matrix that may be larger than memory, read where they lie.
 * F32, F16, BF16 (and F64, integers of fbin's kin) in storage, F32 out. */
#ifndef FL_DATA_EMBED_H
#define FL_DATA_EMBED_H

#include <stdint.h>

#include "tensor/stream.h"

struct fl_embed {
	struct fl_tset rec;		/* the record, with what lies beside the rows: id, label,
					 * kappa, var, uncertainty, metadata; other formats: the rows alone */
	const struct fl_tensor *emb;	/* (N,d), data mapped from the file where that can be;
					 * NULL data where rows do not follow each other: fl_embed_rows */
	size_t N, d;
	const int64_t *id;		/* (N), or NULL: the row's number */
	const int32_t *label;		/* (N), or NULL */
	const char *name;		/* for messages */
	const unsigned char *row;	/* where row 0 begins */
	size_t stride;			/* bytes from a row to the next */
	int fd;				/* a file where rows lie in F32 one after the other, to be read; 0: none */
	size_t at;			/* byte of row 0 in it */
	size_t first;			/* number of row 0 among all rows of an fl_embeds */
	int mapped;			/* rows are where a file is mapped */
	/* Owned: what the rows are views of. */
	struct fl_stream *keep;
	void *map;
	size_t map_size;
	int file;			/* mapped, or 0 */
	struct fl_arena arena;
};

/* source: a record of kind embed or none (tensor `emb`), FILE#NAME (that tensor of a
 * record), .npy, FILE.npz#NAME, .fvecs, .fbin and their kin (bvecs, ivecs; hbin, dbin,
 * u8bin, i8bin, ibin); "-" is a record on stdin, "-#NAME" a tensor of it. FL_EIO for a
 * file that is not there, FL_EDATA for bad content, with byte or row. Nothing of the
 * rows is read or copied that the format lets us map. */
int fl_embed_open(struct fl_embed *m, const char *source, struct fl_err *e);
void fl_embed_release(struct fl_embed *m);

struct fl_idrow {
	int64_t id;
	size_t row;
};

/* Shards: a stream of several records is one matrix of their rows in order; so are
 * several sources. Widths must agree: FL_EDATA with both. ids must then all be there
 * or all be absent (rows count on), and differ. No row at all is FL_EDATA. */
struct fl_embeds {
	struct fl_embed *part;
	size_t n, cap, N, d;
	int has_label;			/* every part has labels */
	struct fl_idrow *byid;		/* (N) by id, or NULL: ids are row numbers */
};
int fl_embeds_open(struct fl_embeds *m, const char *const *source, size_t n, struct fl_err *e);
/* The rows `emb` of a record in memory, which is moved in (rec is emptied, on failure
 * too) and whose data stay where they are; name: for messages, copied. */
int fl_embeds_take(struct fl_embeds *m, struct fl_tset *rec, const char *name, struct fl_err *e);
void fl_embeds_release(struct fl_embeds *m);

/* The tensor of m->rec that says WHAT of the rows: WHAT beside `emb`, NAME_WHAT beside
 * `NAME`, SET.WHAT beside `SET.NAME`. NULL where there is none. */
const struct fl_tensor *fl_embed_beside(const struct fl_embed *m, const char *what);

/* out(n,d) = rows i0.. as F32. */
void fl_embed_rows(const struct fl_embed *m, size_t i0, size_t n, float *out);
void fl_embeds_rows(const struct fl_embeds *m, size_t i0, size_t n, float *out);
/* The same by reading files where rows lie there so: of many rows that are looked at once,
 * faster than through the mapping, and none of its pages stays. FL_EIO. */
int fl_embeds_read(const struct fl_embeds *m, size_t i0, size_t n, float *out, struct fl_err *e);
/* out(n,d) = rows idx(n). */
void fl_embed_gather(const struct fl_embed *m, const uint32_t *idx, size_t n, float *out);
void fl_embeds_gather(const struct fl_embeds *m, const uint32_t *idx, size_t n, float *out);
/* FL_EDATA with the number of the first row that is not finite, or (zero = 1) all
 * zeros. norm (N), may be NULL: lengths of the rows, sums in double. */
int fl_embed_check(const struct fl_embed *m, int zero, double *norm, struct fl_err *e);
int fl_embeds_check(const struct fl_embeds *m, int zero, double *norm, struct fl_err *e);

static inline int64_t fl_embed_id(const struct fl_embed *m, size_t i)
{
	return m->id ? m->id[i] : (int64_t)(m->first + i);
}
/* The checks of the above for rows [i0,i0+n) alone, x(n,d) as fl_embeds_rows gave them. */
int fl_embeds_check_rows(const struct fl_embeds *m, size_t i0, size_t n, const float *x, int zero,
                         struct fl_err *e);
/* Rows [i0,i0+n) of a mapped file no longer take memory; they can be read again. */
void fl_embeds_drop(const struct fl_embeds *m, size_t i0, size_t n);
/* The part that holds row i. */
const struct fl_embed *fl_embeds_part(const struct fl_embeds *m, size_t i);
static inline int64_t fl_embeds_id(const struct fl_embeds *m, size_t i)
{
	const struct fl_embed *p = fl_embeds_part(m, i);

	return fl_embed_id(p, i - p->first);
}
/* Where m->has_label. */
static inline int32_t fl_embeds_label(const struct fl_embeds *m, size_t i)
{
	const struct fl_embed *p = fl_embeds_part(m, i);

	return p->label[i - p->first];
}
/* The row with this id: 0, or -1 where there is none. */
int fl_embeds_find(const struct fl_embeds *m, int64_t id, size_t *row);

#endif
