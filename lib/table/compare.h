/* What a sheet's cells come to, how rows differ where they have the same units, and which
 * row of a column is certainly the best. */
#ifndef FL_TABLE_COMPARE_H
#define FL_TABLE_COMPARE_H

#include "table/sample.h"
#include "table/sheet.h"

struct fl_manner {			/* of all statistics of a table */
	struct fl_spec interval, test, correction;
	double level;			/* of intervals; differences are certain below 1 - level */
	uint64_t seed;
	const unsigned char *lower;	/* (C) columns where less is better */
	int threads;
};

struct fl_figure {
	size_t n;			/* units; 0: the cell is empty and the rest is NAN */
	double mean, sd, low, high;
	int best;			/* certainly */
};

/* figure(C,R) of every cell; best is 0. */
int fl_figures_make(const struct fl_sheet *s, const struct fl_manner *m, struct fl_figure *figure,
                    struct fl_err *e);

struct fl_gap {			/* row a less row b, over units that both have */
	uint32_t column, a, b;
	size_t n;
	double mean, sd, low, high;
	double p, adjusted;		/* NAN: the test says nothing */
};

struct fl_gaps {
	struct fl_gap *v;		/* (n) owned */
	size_t n, cap;
};

#define FL_GAPS_ALL SIZE_MAX
/* Appends the pairs of rows of a column that both have numbers there, p adjusted for all
 * of them: every two rows, or where against < R every row less that one. ends: with intervals. */
int fl_gaps_add(struct fl_gaps *out, const struct fl_sheet *s, const struct fl_manner *m,
                 size_t column, size_t against, int ends, struct fl_err *e);
void fl_gaps_release(struct fl_gaps *p);

/* Marks in each column the row whose mean is best where it is certainly better than every
 * other row that has numbers there: among all pairs of the column, the adjusted p of its pair
 * with each is below 1 - level, and the difference favours it. */
int fl_figures_mark(const struct fl_sheet *s, const struct fl_manner *m, struct fl_figure *figure,
                    struct fl_err *e);

#endif
