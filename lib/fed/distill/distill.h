/* A server that trains: on proxy data, from clients' models, on their statistics.
 * Methods say what they want; the one loop trains towards soft targets. */
#ifndef FL_FED_DISTILL_DISTILL_H
#define FL_FED_DISTILL_DISTILL_H

#include "data/data.h"
#include "fed/fed.h"
#include "fed/with.h"
#include "nn/net.h"
#include "optim/optim.h"

/* How the server trains: one for all that it trains in a call. */
struct fl_lesson {
	struct fl_spec opt;
	int64_t epochs, steps;		/* steps FL_UNSET: by epochs */
	int64_t batch;
	int shuffle;			/* 0: stored order */
	uint64_t seed;
	int64_t round;
};

/* What is trained: softmax(z/tau) of data's outputs z(N,C) towards q(N,C). */
struct fl_pupil {
	const struct fl_net *net;
	fl_real *w;			/* (P) in place */
	const struct fl_data *data;
	const float *q;
	double tau;
};

/* Minimises tau^2 mean of KL(q | softmax(z/tau)). *loss: mean cross-entropy of the last
 * epoch, NAN without a step. FL_ENUM where it or a weight is not finite. */
int fl_lesson_run(const struct fl_lesson *f, const struct fl_pupil *p, double *loss, struct fl_err *e);

/* Outputs z(N,C) at w, as in evaluation, added to sum times scale. */
int fl_lesson_outputs(const struct fl_net *net, const fl_real *w, const struct fl_data *data,
                      double scale, double *sum, int threads, struct fl_err *e);

enum {
	FL_DISTILL_CLIENTS = 1,		/* the clients' updates of the round */
	FL_DISTILL_DATA = 2		/* examples, whose classes do not matter */
};

struct fl_distill_run {
	const struct fl_lesson *lesson;
	const struct fl_net *net;
	const fl_real *w0;		/* (P) the model */
	fl_real *w;			/* (P) out; begins as w0, or as the clients' mean by examples */
	size_t K;
	const struct fl_update *u;	/* (K) by ascending client id */
	const struct fl_tset *update;	/* (K) */
	const struct fl_data *data;
	const struct fl_with *with;	/* records of --with */
	const char *who;		/* "method feddf", for messages */
	int threads;
	struct fl_arena *arena;
	double loss;			/* out: of the last epoch */
};

struct fl_distill {
	struct fl_entry e;
	unsigned needs;
	const struct fl_want *with;	/* what --with has to bring, or NULL */
	int (*run)(const void *p, struct fl_distill_run *r, struct fl_err *e);
};

/* w(P): the model that client k ended with. */
int fl_distill_client(const struct fl_distill_run *r, size_t k, fl_real *w, struct fl_err *e);

/* x(M,d) ~ N(mean(d), cov(d,d)), keyed by (seed, round, id). A covariance without
 * full rank is fine: what it does not move stays. FL_EDATA where it is not positive
 * semidefinite, by more than rounding. */
int fl_draw_normal(const double *mean, const double *cov, size_t d, uint64_t seed,
                   uint64_t round, uint64_t id, size_t M, float *x, struct fl_err *e);

extern const struct fl_entry *const fl_distill_list[];
extern const struct fl_family fl_family_distill;

#endif
