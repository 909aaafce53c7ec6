/* Several outputs of which all or none appear. Open them all first, so that a folder that is
 * not there is found before the work, write them, then commit: files are written and synced
 * whole, then standard output is flushed, then files get their names. So where anything
 * fails no file appears. What goes to standard output cannot be taken back: write it last. */
#ifndef FL_BASE_OUTS_H
#define FL_BASE_OUTS_H

#include "base/io.h"

enum { FL_OUTS_MAX = 8 };

struct fl_outs {
	struct fl_out out[FL_OUTS_MAX];
	size_t n;
	int sync;		/* 0: fl_out_open's */
};

/* *o: where to write what goes to path, valid until s is committed or aborted; NULL where path
 * is. "-" is standard output. FL_EUSAGE where two are to go to one place. */
int fl_outs_open(struct fl_outs *s, const char *path, struct fl_out **o, struct fl_err *e);
/* Afterwards s is released, whatever comes of it. */
int fl_outs_commit(struct fl_outs *s, struct fl_err *e);
/* Throws away what is not published; harmless on a zeroed or released s. */
void fl_outs_abort(struct fl_outs *s);

#endif
