/* A server that trains: from clients' models, whatever their architectures, on proxy data, on
 * clients' statistics, on batches that a method draws. A method's table entry says what it
 * wants and what it makes; the one loop trains. */
#ifndef FL_FED_DISTILL_DISTILL_H
#define FL_FED_DISTILL_DISTILL_H

#include "data/data.h"
#include "fed/distill/member.h"
#include "fed/fact.h"
#include "fed/fed.h"
#include "fed/with.h"
#include "model/model.h"
#include "nn/net.h"
#include "optim/optim.h"
#include "train/loop.h"

/* --- lessons --- */

/* How the server trains: one for all that it trains in a call. */
struct fl_lesson {
	struct fl_spec opt;
	int64_t epochs, steps;		/* steps FL_UNSET: by epochs */
	int64_t batch;
	int shuffle;			/* 0: stored order */
	uint64_t seed;
	int64_t round;
};

/* A lesson with batches and a loss of the method's own. The hooks' ctx finds this struct,
 * whose bench holds the batch, and whose loop says which one it is: epoch, t. */
struct fl_course {
	const struct fl_net *net;
	fl_real *w;			/* (P) in place */
	size_t N;			/* examples an epoch, of which load() is told; batches that
					 * are drawn: those of one batch */
	struct fl_loop_hooks on;
	void *ctx;
	struct fl_bench bench;
	struct fl_loop loop;
};
/* *loss: its mean over the last epoch, NAN without a step. FL_ENUM where it or a weight is
 * not finite; a hook may set loop.err. */
int fl_course_run(const struct fl_lesson *f, struct fl_course *c, double *loss, struct fl_err *e);
/* Named by seed, round and the step at hand: whatever a course draws for its batch. */
void fl_course_rng(const struct fl_course *c, struct fl_rng *r);

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

/* --- methods --- */

enum {
	FL_DISTILL_MEMBERS = 1,		/* clients' models, or updates of them */
	FL_DISTILL_DATA = 2,		/* examples, whose classes do not matter */
	FL_DISTILL_LABELS = 4,		/* examples with labels of the model's classes */
	FL_DISTILL_OTHER = 8,		/* -m is a net of the method's own, such as a generator */
	FL_DISTILL_EACH = 16		/* -m may be a folder: each member's model is trained */
};

/* What a method makes: the model of -m (or, of a folder, each member's), or records. */
enum fl_makes { FL_MAKES_MODEL, FL_MAKES_MODELS, FL_MAKES_STATS, FL_MAKES_DATA };

/* A model that is trained. */
struct fl_student {
	int64_t client;			/* -1: nobody's */
	const struct fl_net *net;
	fl_real *w;			/* (P) out; begins as the model or, where the members are
					 * updates of it, as their mean by examples */
	double loss;			/* out: of the last epoch; NAN: no step */
};

struct fl_distill_run {
	const struct fl_lesson *lesson;
	size_t n, K;
	struct fl_student *student;	/* (n) 1, unless -m is a folder: then K, one of each member */
	const struct fl_member *member;	/* (K) by ascending client id */
	const struct fl_data *data;
	const struct fl_with *with;	/* records of --with, and statistics among the operands */
	const struct fl_models *models, *base;	/* -m's; what updates are of: -m's or another */
	const char *who;		/* "method feddf", for messages */
	int threads;
	struct fl_arena *arena;
	struct fl_tset extra;		/* out: tensors that the model gets beside its net's */
	struct fl_tset *made;		/* out: (nmade) records, got by fl_distill_add(); kind and
					 * provenance are the caller's, who releases them */
	size_t nmade, cap;
};

struct fl_distill {
	struct fl_entry e;
	unsigned needs;			/* FL_DISTILL_* */
	enum fl_makes makes;
	int64_t epochs;			/* of a call that says neither epochs nor steps; 0: 10 */
	const struct fl_fact *facts;	/* of members that are updates, or NULL */
	const struct fl_want *with;	/* statistics that it reads, or NULL */
	int (*run)(const void *p, struct fl_distill_run *r, struct fl_err *e);
};

/* Room for one more record that the method makes, empty. It may move those before. */
struct fl_tset *fl_distill_add(struct fl_distill_run *r, struct fl_err *e);

/* x(M,d) ~ N(mean(d), cov(d,d)), keyed by (seed, round, id). A covariance without
 * full rank is fine: what it does not move stays. FL_EDATA where it is not positive
 * semidefinite, by more than rounding. */
int fl_draw_normal(const double *mean, const double *cov, size_t d, uint64_t seed,
                   uint64_t round, uint64_t id, size_t M, float *x, struct fl_err *e);

/* For the caller of run(). Before: the students, of net or, where that is NULL, one of each
 * member, and where they begin. After: their models, as records that the method made, with the
 * other tensors and the metadata of those that they were; of lesson's round. */
int fl_students_begin(struct fl_distill_run *r, const struct fl_net *net, struct fl_err *e);
int fl_students_end(struct fl_distill_run *r, struct fl_err *e);

extern const struct fl_entry *const fl_distill_list[];
extern const struct fl_family fl_family_distill;

#endif
