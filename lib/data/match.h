/* Which rows of two sides go together, as a source lists it; private to truth.h's
 * implementation. */
#ifndef FL_DATA_MATCH_H
#define FL_DATA_MATCH_H

#include "data/embed.h"

struct fl_match {
	uint32_t *from, *to;	/* (n) rows, in the source's order; owned */
	size_t n, cap;
	size_t missing;		/* entries with an id that no row has, passed over */
};

/* Sources of truth.h, all but "label". Forms that say text and image are read with
 * texts as from and images as to, or the other way round where reverse. FL_EDATA for
 * rows and ids that are not there, with their place; ids only unless skip. Released
 * by the caller, on failure too. */
int fl_match_read(struct fl_match *m, const char *source, const struct fl_embeds *from,
                  const struct fl_embeds *to, int reverse, int skip, struct fl_err *e);
void fl_match_release(struct fl_match *m);

#endif
