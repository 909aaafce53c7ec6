/* Aggregation rules declare the SHAPE of their computation; collect.c does all
 * I/O and memory once.
 *
 *   fold    one pass, O(model) memory: a weight and a few scalars an update
 *   column  each coordinate of K clients on its own (median)
 *   gram    K x K inner products -> a weight each (Krum)
 *   weigh   all clients' facts at once -> a weight each (AFL)
 *   whole   everything at once, the last resort; may give one model a client
 *
 * Extra tensors "@method/NAME" of F32 in an update are, like its weights,
 * increments to the model's tensor of that name (0 where it has none): they are
 * combined by the same rule and added at rate one, past the server optimiser.
 * "@mask/NAME" (U8, 0 or 1) is which coordinates of NAME a sub-network owns, and
 * fl.slice which block: weighted means and columns are over those who do,
 * coordinate by coordinate.
 * Running statistics (tensor/running.h) are no parameters: a rule combines them as a
 * mean, each client with its share, and columns by coordinate.
 * Other dtypes are for a rule that `takes` that method's extras; otherwise
 * FL_EDATA. Norms and inner products leave extras and running statistics out. */
#ifndef FL_FED_AGG_AGG_H
#define FL_FED_AGG_AGG_H

#include "base/spec.h"
#include "fed/fed.h"
#include "fed/fold.h"

struct fl_whole {
	size_t K;
	const struct fl_update *u;		/* (K) by ascending client id */
	const struct fl_tset *const *update;	/* (K) */
	const struct fl_tset *const *model;	/* (K) the model each was trained from */
	int64_t round;				/* of the updates, from 1 */
	int threads;
	struct fl_tset *out;			/* (K) personal: the models' tensors; else out[0] */
};

/* Rows of earlier rounds, by ascending client. */
struct fl_rows {
	size_t n;
	const int64_t *client;	/* (n) */
	const double *value;	/* (n, nrow of the fold or rule) */
};

struct fl_weigh {
	size_t K;
	const struct fl_update *u;	/* (K) by ascending client id */
	const struct fl_rows *known;	/* of all clients so far */
	const double *const *row;	/* (K) what is kept of each; NULL: nothing yet */
	double *const *keep;		/* (K) what shall be, zero at first */
	double *w;			/* (K) out, >= 0: the combined update is sum w_k u_k, and where
					 * not all own a coordinate, the weighted mean of those who do */
	double *after;			/* (known->n, nrow) known's values: what shall be kept of those
					 * of them who are away, which a rule may change */
};

struct fl_gram {
	size_t K;
	const struct fl_update *u;	/* (K) by ascending client id */
	const double *G;		/* (K,K) symmetric: inner products of updates, centred on the
					 * first, or as they are where the rule's `origin` says so */
	double *w;			/* (K) out, zero at first: the combined update is sum w_k u_k */
	double *share;			/* (K) out, zero at first: what a client counts in the means of
					 * running statistics; where all are 0, w_k. Below 0 is 0 */
};

struct fl_rule {
	struct fl_entry e;
	unsigned needs;			/* of column, gram and whole rules; a fold has its own */
	const char *takes;		/* method whose extras the rule reads itself, or NULL */
	int personal;			/* one output a client: -o DIR */
	struct fl_fold fold;		/* fold.fold NULL: not a fold */
	/* FL_EDATA where K clients are too few. May be NULL. */
	int (*check)(const void *p, size_t K, struct fl_err *e);
	/* v(K,n): a tile of n coordinates, clients by ascending id; may be destroyed. out(n). */
	void (*column)(const void *p, float *v, size_t K, size_t n, float *out);
	/* Runs before column where a rule has both: w_k = 0 then leaves client k out of
	 * the columns. */
	int origin;
	int (*gram)(const void *p, const struct fl_gram *q, struct fl_err *e);
	/* Instead of gram, where inner products do not matter. */
	unsigned nrow;			/* doubles kept per client; 0: no rows */
	int (*weigh)(const void *p, const struct fl_weigh *q, struct fl_err *e);
	int (*whole)(const void *p, struct fl_whole *w, struct fl_err *e);
};

extern const struct fl_entry *const fl_rule_list[];
extern const struct fl_family fl_family_rule;

#endif
