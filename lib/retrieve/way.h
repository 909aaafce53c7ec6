/* How good one direction of a search is: where the positives of each query stand, metrics of
 * their places, and whether uncertainty knows which first hits are wrong. */
#ifndef FL_RETRIEVE_WAY_H
#define FL_RETRIEVE_WAY_H

#include "base/spec.h"
#include "data/truth.h"
#include "index/index.h"
#include "metric/rank.h"
#include "metric/uncertainty.h"

/* What is to be measured. */
struct fl_measure_how {
	struct fl_specs metric;		/* of fl_family_rmetric, each with what it needs */
	size_t asked;			/* the first of them, which are refused where the gallery
					 * is too small for them; others then are NAN */
	enum fl_ties ties;
	size_t Z;			/* highest grade of positives, where metrics need grades */
	size_t bins;			/* of uncertainty, 2 or more */
	struct fl_doubt_boot boot;	/* resamples 0: no intervals */
};

/* First truth, which is the caller's; then fl_way_begin, a search that fills stand, and
 * fl_way_end. Memory is the arena's given. */
struct fl_way {
	struct fl_truth truth;		/* positives of Q queries among G rows */
	size_t G;
	struct fl_stand stand;		/* what the search is to find out */
	uint32_t *place;		/* (first[Q]) of metric/rank.h */
	double *value;			/* (metrics) */
	size_t tied;			/* queries whose places the order of ties decides */
	double *u, *y;			/* (answered) uncertainty and hit@1; NULL: it is not known */
	size_t answered;
	struct fl_doubt doubt, lo, hi;
};

/* Readies stand for G rows: FL_EDATA where a metric cannot be said of them. */
int fl_way_begin(struct fl_way *m, const struct fl_measure_how *how, size_t G,
                      struct fl_arena *a, struct fl_err *e);
/* Places, values and doubt. name: "truth", or "reverse". own(Q): uncertainty of who asks;
 * where that is NULL, that of the first hit counts, of other(G) and top, if they are there. */
int fl_way_end(struct fl_way *m, const struct fl_measure_how *how, const char *name,
                    const double *own, const double *other, const struct fl_top *top,
                    struct fl_arena *a, struct fl_err *e);

#endif
