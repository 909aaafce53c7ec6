/* Holding examples out of what clients train on, and whether that holds: groups of the data
 * that are on both sides let a model be tested on what it was trained on. */
#ifndef FL_PART_HOLDOUT_H
#define FL_PART_HOLDOUT_H

#include "part/part.h"

struct fl_holdout {
	double frac;		/* of n examples of a client frac n to the nearest, one at least; one
				 * at least stays */
	int groups;		/* whole groups alone, in random order, until there are as many */
	int64_t first;		/* number of client 0, by which it draws */
};
/* held(N) of a split that is done: 1 for examples held out, else 0; what was dropped is not. A
 * client draws by (seed, its number) alone. FL_EDATA where groups are asked for, and the data
 * have none. */
int fl_holdout_draw(const struct fl_part *s, const struct fl_holdout *how, unsigned char *held,
                    struct fl_err *e);

/* Groups on both sides, as wells of one compound may be, are leaks, but for those whose
 * clients are of one group alone, as writers and domains are: that is meant. */
struct fl_leak {
	size_t groups, n;	/* all; on both sides */
	size_t train, test;	/* an example on either side of the first of these */
};
/* All 0 where the data have no groups. */
int fl_holdout_leaks(const struct fl_part *s, const unsigned char *held, struct fl_leak *out,
                     struct fl_err *e);

#endif
