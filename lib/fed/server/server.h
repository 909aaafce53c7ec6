/* Server optimisers: what becomes of the combined update. In double, in tiles.
 *
 * g = -(combined update) is the pseudo-gradient: a step subtracts. */
#ifndef FL_FED_SERVER_SERVER_H
#define FL_FED_SERVER_SERVER_H

#include "base/spec.h"
#include "fed/combined.h"
#include "fed/fold.h"
#include "tensor/tset.h"

#define FL_SERVER_VECS 4
#define FL_SERVER_SCALARS 8

struct fl_server_round {
	int64_t round;			/* of the updates, from 1 */
	int first;			/* no state yet */
	size_t K;			/* clients of this round */
	double s[FL_FOLD_SCALARS];	/* the fold's sums over all of them */
	double scalar[FL_SERVER_SCALARS];	/* kept in the state; in and out */
	double fill[FL_SERVER_VECS];	/* begin() with first: initial value of each vec */
	double tmp[FL_SERVER_SCALARS];	/* from begin() to apply(), not kept */
};

/* A tensor of the combined update, for look(). */
struct fl_server_part {
	const struct fl_tensor *t;	/* name and shape */
	int added;			/* an extra or running statistics: no parameter, no vec */
	const float *w;			/* (t->n) the model's; NULL: zeros */
	double *g;			/* (t->n) of the pseudo-gradient, which look() may change */
	double *vec[FL_SERVER_VECS];	/* (t->n) the state's, which it may change */
};

/* The part of that name, or NULL; parts(n) are by name. */
const struct fl_server_part *fl_server_find(const struct fl_server_part *part, size_t n,
                                            const char *name);

struct fl_server {
	struct fl_entry e;
	/* A server that weighs updates itself (AdaFedAdam) has its own fold, used
	 * in place of rule mean; another rule beside it is FL_EUSAGE. NULL: none. */
	const struct fl_fold *fold;
	const char *vec[FL_SERVER_VECS + 1];	/* names of parameter-shaped state, F64 */
	const char *scalar[FL_SERVER_SCALARS + 1];	/* names of scalars kept */
	unsigned cast;		/* bit j: vec[j] goes out with the model, "@NAME/VEC/TENSOR" F32 */
	/* The method whose combined extras it reads in look(): they are not added to the model's.
	 * NULL: none. */
	const char *takes;
	/* What the step sees in place of the combined update u of the model: a view of u, whose
	 * room is in a. Tensors, their order and the tile stay. NULL: u. */
	int (*see)(const void *p, const struct fl_combined *u, const struct fl_tset *model,
	           struct fl_arena *a, struct fl_combined *out, struct fl_err *e);
	/* Once a round: scalars, guards. */
	int (*begin)(const void *p, struct fl_server_round *r, struct fl_err *e);
	/* After begin, before apply: all of the pseudo-gradient and the extras at once, 8 bytes a
	 * coordinate; part(n) by name. NULL: apply sees tiles alone. */
	int (*look)(const void *p, struct fl_server_round *r, struct fl_server_part *part, size_t n,
	            struct fl_err *e);
	/* Element-wise on a tile of n coordinates: w, vec <- one step with g. */
	void (*apply)(const void *p, const struct fl_server_round *r, const double *g, double *w,
	              double *const *vec, size_t n);
};

extern const struct fl_entry *const fl_server_list[];
extern const struct fl_family fl_family_server;

#endif
