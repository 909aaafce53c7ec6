/* Models of earlier rounds in a folder: what stale updates were trained from. */
#ifndef FL_FED_AGG_HISTORY_H
#define FL_FED_AGG_HISTORY_H

#include "fed/agg/collect.h"

struct fl_history {
	struct fl_past {
		struct fl_received r;	/* round and base; model NULL until it is asked for */
		struct fl_tset model;
		char *path;
	} **past;		/* (n) */
	size_t n, cap;
	int read;
	struct fl_arena a;
};

/* The model of that round, if there are several the one with that base. The
 * folder is read once, at the first call. FL_EDATA where it has none. */
const struct fl_received *fl_history_find(struct fl_history *h, const char *dir, int64_t round,
                                          const char *base, struct fl_err *e);
/* The model of what was found, read at the first call. */
const struct fl_tset *fl_history_model(struct fl_history *h, const struct fl_received *found,
                                       struct fl_err *e);
void fl_history_release(struct fl_history *h);

#endif
