/* A record larger than memory: its shapes first, then runs of elements of its tensors in
 * any order, each of them once. Into a file they go where they belong; on the way to a
 * pipe they wait in $TMPDIR. */
#ifndef FL_TENSOR_PIECES_H
#define FL_TENSOR_PIECES_H

#include "tensor/stream.h"

struct fl_pieces {
	struct fl_out *out;		/* the caller's, who commits it */
	const struct fl_tset *rec;	/* likewise */
	int fd, spooled;
	size_t base, size;		/* bytes before the record's buffer, and of it */
};
/* rec: tensors without data (fl_tset_add_bare), which this sorts, and metadata. */
int fl_pieces_begin(struct fl_pieces *p, struct fl_out *out, struct fl_tset *rec, struct fl_err *e);
/* Elements [i0,i0+n) of the tensor name, in its type. */
int fl_pieces_put(struct fl_pieces *p, const char *name, size_t i0, size_t n, const void *data,
                  struct fl_err *e);
int fl_pieces_end(struct fl_pieces *p, struct fl_err *e);
/* Harmless where end was called. */
void fl_pieces_release(struct fl_pieces *p);

#endif
