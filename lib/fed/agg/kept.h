/* The last update of every client, for folds that keep them (fold.h). A folder holds
 * server.sts, the server's state, and NNNN.sts a client: states of the two last rounds that it
 * was there in, "@kept/TENSOR" F32 each. The server's state says by its rows which of the two
 * counts, and holds the exact sum of all that count, "@bins/TENSOR" and "@top/TENSOR" as partial
 * records have them: so only the files of clients at hand are read and written, however many
 * there are. */
#ifndef FL_FED_AGG_KEPT_H
#define FL_FED_AGG_KEPT_H

#include "fed/agg/collect.h"

struct fl_kept {
	const char *dir;
	int sync;
	struct fl_out *out;	/* (n) files that are written and not published yet */
	size_t n, cap;
};

/* Makes the folder where it is missing. */
int fl_kept_open(struct fl_kept *k, const char *dir, int sync, struct fl_err *e);
/* What the server's state holds beside rows. After fl_collect_combine. */
int fl_kept_state(struct fl_collect *c, struct fl_tset *state, struct fl_err *e);
/* Publishes the updates of this round: before the server's state, which makes them count. */
int fl_kept_commit(struct fl_kept *k, struct fl_err *e);
void fl_kept_release(struct fl_kept *k);

#endif
