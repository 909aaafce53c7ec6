/* Aggregation rules declare the SHAPE of their computation; collect.c does all
 * I/O and memory once.
 *
 *   fold    one pass, O(model) memory: a weight and a few scalars an update
 *   column  each coordinate of K clients on its own (median)
 *   weigh   all clients' facts at once, and where asked for their K x K inner products, ->
 *           a weight each (AFL, Krum), or K where clients get models of their own (FED-PUB);
 *           for all of an update or each tensor on its own (Flag)
 *   whole   everything at once, the last resort; may give one model a client
 *
 * Extra tensors "@method/NAME" of F32 in an update are, like its weights,
 * increments to the model's tensor of that name (0 where it has none): they are
 * combined by the same rule and added at rate one, past the server optimiser.
 * "@mask/NAME" (U8, 0 or 1) is which coordinates of NAME a sub-network owns, and
 * fl.slice which block: weighted means and columns are over those who do,
 * coordinate by coordinate. "@mask/NAME" (F32, 0 or more) is what each coordinate counts
 * in weighted means, beside what its client does: Fisher weights, precisions.
 * "@fact/NAME", of any type, is what a client measured (fact.h): rules read it, nothing
 * adds it up.
 * Running statistics (tensor/running.h) are no parameters: a rule combines them as a
 * mean, each client with its share, and columns by coordinate.
 * Other dtypes are for a rule that `takes` that method's extras; otherwise
 * FL_EDATA. Norms and inner products leave extras and running statistics out. */
#ifndef FL_FED_AGG_AGG_H
#define FL_FED_AGG_AGG_H

#include "base/spec.h"
#include "fed/fact.h"
#include "fed/fed.h"
#include "fed/fold.h"

/* Rows of earlier rounds, by ascending client. */
struct fl_kept_rows {
	size_t n;
	const int64_t *client;	/* (n) */
	const double *value;	/* (n, nrow of the fold or rule) */
	int64_t since;		/* the first round that they know of */
};

/* What weigh and whole rules see of a round. */
struct fl_round {
	size_t K;
	const struct fl_update *u;		/* (K) by ascending client id */
	const struct fl_tset *const *update;	/* (K) their records, for facts and extras */
	const struct fl_tset *const *model;	/* (K) the model each was trained from */
	int64_t round;			/* being combined, from 1: u is round - u->round late */
	const struct fl_with *with;	/* records of --with */
	const char *who;		/* "rule krum", for messages */
	int threads;
	const struct fl_kept_rows *known;	/* of all clients so far */
	const double *const *row;	/* (K) what is kept of each; NULL: nothing yet */
	double *const *keep;		/* (K) what shall be, zero at first */
	double *after;			/* (known->n, nrow) known's values: what shall be kept of those
					 * of them who are away, which a rule may change */
};

/* What updates count in the combined one. */
struct fl_weights {
	const double *G;		/* (K,K) symmetric: inner products of updates, centred on the
					 * first or as they are; NULL: the rule did not ask for them */
	const struct fl_tensor *tensor;	/* the one that is weighed on its own; NULL: all together */
	double *w;			/* (K) out, zero at first: the combined update is sum w_k u_k, and
					 * where not all own a coordinate, the weighted mean of those
					 * who do */
	double *share;			/* (K) out, zero at first: what a client counts in the means of
					 * running statistics; where all are 0, w_k. Below 0 is 0 */
	double *W;			/* (K,K) out, zero at first, in place of both where the rule is
					 * personal: client i's model w_i gets sum_j W_ij u_j added or, by
					 * FL_RULE_MODELS, is sum_j W_ij (w_j + u_j). Of a tensor that not
					 * all bring, the sum is a weighted mean over those who do; i's
					 * stays where i brings none. So it is with running statistics,
					 * where W_ij below 0 is 0 */
};

enum {
	FL_RULE_INNER = 1,	/* weigh sees G, centred on the first update, as distances want it */
	FL_RULE_ORIGIN = 2,	/* weigh sees G of the updates as they are */
	FL_RULE_MODELS = 4	/* models are mixed, not updates */
};

struct fl_rule {
	struct fl_entry e;
	unsigned needs;			/* of column, weigh and whole rules; a fold has its own */
	const struct fl_fact *facts;	/* the same: wanted, or NULL */
	const struct fl_want *with;	/* records that --with brings, or NULL */
	const char *takes;		/* method whose extras the rule reads itself, or NULL */
	int personal;			/* one output a client: -o DIR */
	struct fl_fold fold;		/* fold.fold NULL: not a fold */
	/* FL_EDATA where K clients are too few. May be NULL. */
	int (*check)(const void *p, size_t K, struct fl_err *e);
	/* v(K,n): a tile of n coordinates, clients by ascending id; may be destroyed. out(n). */
	void (*column)(const void *p, float *v, size_t K, size_t n, float *out);
	/* weigh runs before column where a rule has both: w_k = 0 then leaves client k out of
	 * the columns. */
	unsigned flags;			/* FL_RULE_* */
	unsigned nrow;			/* doubles kept per client, any number; 0: no rows */
	/* Whether weigh is called for each tensor on its own, with G of that tensor; extras are
	 * tensors, and a client's share in running statistics is the mean over the others.
	 * Not of personal rules. NULL: no. */
	int (*apart)(const void *p);
	int (*weigh)(const void *p, const struct fl_round *r, struct fl_weights *q,
	             struct fl_err *e);
	/* out: (K) personal: the models' tensors; else out[0], an update. */
	int (*whole)(const void *p, const struct fl_round *r, struct fl_tset *out,
	             struct fl_err *e);
};

extern const struct fl_entry *const fl_rule_list[];
extern const struct fl_family fl_family_rule;

#endif
