/* The fold: what a rule, or a server that weighs updates itself, says about
 * each update in one pass. */
#ifndef FL_FED_FOLD_H
#define FL_FED_FOLD_H

#include "fed/fact.h"
#include "fed/fed.h"
#include "fed/with.h"

#define FL_FOLD_SCALARS 4

struct fl_fold_in {
	const struct fl_update *u;
	const struct fl_tset *rec;	/* u's record, for the facts that the fold wants */
	const double *row;	/* (nrow) what the state keeps of this client; NULL: nothing yet */
	int64_t round;		/* being combined: u is round - u->round rounds late */
	int64_t rounds;		/* that the state knows of, this one too */
	const struct fl_with *with;	/* records of --with */
};

struct fl_fold_out {
	double w;			/* weight of the update in the sum */
	double s[FL_FOLD_SCALARS];	/* added up over clients */
	double *row;			/* (nrow) kept for the next round, zero at first */
	double back;			/* of a fold that keeps updates: weight of the client's last one in
					 * the sum */
	double keep;			/* what this one counts among those kept */
};

/* A fold that keeps updates has these first in its rows, which the collector fills. */
enum { FL_KEPT_ROUND, FL_KEPT_WEIGHT, FL_KEPT_ROWS };

/* What a fold that keeps updates knows once all are read. */
struct fl_fold_all {
	const double *s;	/* sums over the clients here */
	size_t K, N;		/* clients here; known so far, those here among them */
	double kept;		/* sum of what their kept updates count, with those of this round */
};

struct fl_fold {
	unsigned needs;
	const struct fl_fact *facts;	/* wanted, or NULL */
	/* Whether models are mixed: late updates are taken as differences to the model of now,
	 * u + then - now, and running statistics count as parameters do. NULL: updates are combined
	 * as they are, but for running statistics, whose mean is taken. */
	int (*rebase)(const void *p);
	int mean;			/* finish() looks at s[0] alone, the sum of what updates count:
					 * sub-networks can join, coordinate by coordinate */
	unsigned share;			/* s[share], 0 or more, is what a client counts in a mean: running
					 * statistics are combined by it, whatever w and finish() do */
	unsigned nrow;			/* doubles kept per client, any number; 0: no rows */
	/* From the update's facts and the state alone, never from other updates. */
	int (*fold)(const void *p, const struct fl_fold_in *in, struct fl_fold_out *out,
	            struct fl_err *e);
	/* s: sums over the clients that hold a tensor (all clients, for most).
	 * *scale: the combined update is scale * sum w_k x_k. FL_ENUM or FL_EDATA
	 * where the sums allow none (a weight sum of 0). */
	int (*finish)(const void *p, const double s[FL_FOLD_SCALARS], double *scale,
	              struct fl_err *e);
	/* In place of finish() where the last update h of every client is kept: the combined update
	 * is here * sum_here (w u + back h) + kept * sum_all keep h, h as before this round. All
	 * clients bring the same tensors, whole. NULL: nothing is kept. */
	int (*mix)(const void *p, const struct fl_fold_all *a, double *here, double *kept,
	           struct fl_err *e);
};

/* The finish() of a weighted mean: s[0] is the sum of weights. FL_ENUM where it
 * allows none. */
int fl_fold_mean(const void *p, const double s[FL_FOLD_SCALARS], double *scale,
                 struct fl_err *e);

#endif
