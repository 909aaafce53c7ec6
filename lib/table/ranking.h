/* One order of rows from many: each column and unit ranks the rows that have a number there.
 * The family `ranking`. */
#ifndef FL_TABLE_RANKING_H
#define FL_TABLE_RANKING_H

#include "base/spec.h"
#include "table/sheet.h"

struct fl_place {
	uint32_t row, place;		/* place: 0 for the best; equal values share one */
};

struct fl_ballots {
	size_t R, n;			/* rows; ballots, of two rows or more */
	struct fl_place *at;		/* by ballot, then place, then row; owned */
	size_t *start;			/* (n+1) owned */
	const struct fl_sheet *s;	/* whose rows they are, for messages */
};

/* lower(C): columns where less is better. FL_EDATA where no unit of a column has two rows. */
int fl_ballots_make(struct fl_ballots *b, const struct fl_sheet *s, const unsigned char *lower,
                    struct fl_err *e);
void fl_ballots_release(struct fl_ballots *b);

struct fl_ranking {
	struct fl_entry e;
	const char *score, *share;	/* what they are called; share NULL: there is none */
	int ascending;			/* small scores are good */
	/* score(R), its standard error se(R), share(R); NAN for a row that no ballot has. */
	int (*rank)(const void *p, const struct fl_ballots *b, double *score, double *se,
	            double *share, struct fl_err *e);
};

extern const struct fl_entry *const fl_ranking_list[];
extern const struct fl_family fl_family_ranking;

#endif
