/* Which copy of the model each client gets: a text with a line
 *   CLIENT HOW [HOW ...]
 * each, where HOW is a reshape or - for the model as it is. '#' begins a comment. */
#ifndef FL_RESHAPE_SIZES_H
#define FL_RESHAPE_SIZES_H

#include "base/spec.h"

enum { FL_RESHAPES_MAX = 8 };	/* in turn */

struct fl_size {
	int64_t client;
	size_t n;
	struct fl_spec how[FL_RESHAPES_MAX];	/* (n) */
};
/* All zero is none. */
struct fl_sizes {
	struct fl_size *v;	/* (n) by ascending client */
	size_t n;
	struct fl_arena arena;
};

/* FL_EDATA with file and line. */
int fl_sizes_read(struct fl_sizes *s, const char *path, struct fl_err *e);
void fl_sizes_release(struct fl_sizes *s);

#endif
