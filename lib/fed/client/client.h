/* Local methods: hooks into the one training loop (train/loop.h).
 *
 * Everything parameter-shaped is a flat vector of net->P reals in the net's own
 * layout, so that methods are arithmetic over [begin,end): w - w0, c - c_k. */
#ifndef FL_FED_CLIENT_CLIENT_H
#define FL_FED_CLIENT_CLIENT_H

#include "augment/augment.h"
#include "data/data.h"
#include "fed/fed.h"
#include "fed/with.h"
#include "nn/net.h"
#include "optim/optim.h"
#include "optim/schedule.h"
#include "train/loop.h"

struct fl_local;

/* One thread's buffers and the model at hand, kept from client to client. */
struct fl_room {
	const struct fl_net *net;
	const struct fl_tset *model;	/* the received record, method tensors included */
	char base[FL_HASH_TEXT];
	fl_real *w0, *w;		/* (P) received, trained */
	double *sum;			/* (P) of fl_local_measure; NULL until used */
	struct fl_bench bench;
	struct fl_arena arena;		/* of the client at hand */
};
int fl_room_init(struct fl_room *r, const struct fl_net *net, struct fl_err *e);
/* Takes the weights of model; it and base must outlive their use here. */
int fl_room_model(struct fl_room *r, const struct fl_tset *model, const char *base,
                  struct fl_err *e);
void fl_room_release(struct fl_room *r);

/* What becomes of running statistics, such as those of batch normalisation. */
enum fl_buffers {
	FL_BUFFERS_GLOBAL,	/* in the update, as weights are */
	FL_BUFFERS_LOCAL,	/* the client's own, in its state */
	FL_BUFFERS_DROP		/* every round begins with the model's */
};

/* How the user wants local training done: one for all clients of a run. */
struct fl_train {
	const struct fl_spec *method;	/* (nmethod) after fl_methods_sort() */
	size_t nmethod;
	struct fl_spec opt;
	struct fl_spec schedule;	/* of the rate over rounds; entry NULL: constant */
	double clip;			/* largest L2 norm of a step's gradient; 0: none */
	int64_t epochs, steps;		/* steps FL_UNSET: by epochs */
	int64_t batch;
	const struct fl_spec *augment;	/* (naugment) changes of the examples trained on */
	size_t naugment;
	int shuffle;			/* 0: stored order, last short batch kept */
	int keep_opt;			/* optimiser state survives rounds */
	int buffers;			/* enum fl_buffers */
	uint64_t seed;
	int64_t round;
	const struct fl_spec *measure;	/* (nmeasure) of fl_family_measure, for the update */
	size_t nmeasure;
	const struct fl_with *with;	/* records of --with */
};

/* Called for a stretch [begin,end) of the flat vectors where the gradient is final,
 * before the optimiser. w and g are the stretch's own, (end - begin).
 * FL_METHOD_WHOLE: once a step, for [0,P). */
typedef void fl_grad_hook(struct fl_local *l, size_t begin, size_t end, const fl_real *w,
                          fl_real *g);

/* Where a phase of training differs from plain steps on the task's loss; NULL: it does not.
 * C, d and P are the trained net's. Several methods in one run (-M a,b) add up where hooks
 * add: logits, loss, features, grad. Of the others at most one method may have each. */
struct fl_hooks {
	/* Which examples an epoch (from 0) takes: order(n) comes as it would be taken. Moves
	 * and drops some in place and returns how many remain; 0 ends the phase. */
	size_t (*order)(struct fl_local *l, int64_t epoch, uint32_t *order, size_t n);
	/* Changes the inputs x(B,d) of the batch, which are loaded and augmented, and its
	 * classes y; what mixes batches comes later. */
	void (*input)(struct fl_local *l, fl_real *x, int32_t *y, size_t B, size_t d);
	/* Adds to the logits z(B,C) before the loss; gradient passes unchanged. */
	void (*logits)(struct fl_local *l, fl_real *z, const int32_t *y, size_t B, size_t C);
	/* In place of the task's loss, which is the mean over the examples of the batch that
	 * have a label; those without, whose y is -1, come last. Returns its value, WRITES dz(B,C). */
	double (*task)(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
	               size_t B, size_t C);
	/* Extra loss after the task's: returns its value, ADDS to dz(B,C). */
	double (*loss)(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
	               size_t B, size_t C);
	/* Extra loss on the features h(B,d): returns its value, ADDS to dh(B,d), which joins
	 * their gradient on the way back. */
	double (*features)(struct fl_local *l, const fl_real *h, const int32_t *y, fl_real *dh,
	                   size_t B, size_t d);
	/* Replaces the gradient of the batch at hand: writes g(P) from as many
	 * fl_local_gradient() as it likes, returns the loss at w. grad and the
	 * optimiser follow, in two passes. SAM, variance reduction. */
	double (*batch)(struct fl_local *l, const fl_real *w, fl_real *g);
	fl_grad_hook *grad;		/* adds terms to g */
	fl_grad_hook *mix;		/* after all of grad: blends or masks what is in g */
};

/* One run of the loop over a weight vector. */
struct fl_phase {
	fl_real *w;			/* (P) trained in place */
	struct fl_room *room;		/* whose net it is: l->room, or of a second net */
	const struct fl_data *data;	/* what it trains on: l->data, or other examples */
	int plain;			/* as they are stored, whatever --augment says */
	int64_t epochs, steps;		/* as in fl_train */
	double lr;
	double pull;			/* weight of the proximal term pull (w - anchor) in g */
	const fl_real *anchor;		/* (P) */
	struct fl_hooks on;
	const unsigned char *role;	/* (nparam) enum fl_role: FROZEN is not updated; NULL: all shared */
	unsigned id;			/* 0, 1, ...: separates shuffles and optimiser state */
	int (*epoch_done)(struct fl_local *, int64_t epoch, struct fl_err *);	/* may be NULL */
	/* A phase of another room that takes a step on every batch of this one, between the
	 * forward pass and the loss of this one: each sees what the other's net says, by
	 * fl_phase_logits(). Its epochs, steps, data and order are those of this one. */
	struct fl_phase *beside;
	/* out */
	int64_t taken;			/* steps taken */
	double loss;			/* mean training loss over the last epoch; NAN: no step */
};

/* What a model that does not train says of examples, as in evaluation. */
struct fl_fixed {
	const fl_real *w;
	size_t tap;			/* the method's, whose numbers h are; net->ntap: features */
	fl_real *h, *z;			/* features (., fl_local_width()), logits (., C); or NULL */
	struct fl_fixed *next;
};

/* A method of the run. */
struct fl_use {
	const struct fl_method *m;
	const void *p;
	void *priv;
	size_t tap;		/* whose numbers are its features; net->ntap: the net's own */
	int begun;
};

struct fl_local {
	const struct fl_train *cfg;
	const void *p;			/* parameters of the method whose hook is called */
	void *priv;			/* that method's own */
	const struct fl_net *net;
	const struct fl_data *data;
	const struct fl_tset *model;	/* the received record, method tensors included */
	int64_t client, round;
	const fl_real *w0;		/* (P) received weights */
	fl_real *w;			/* (P) starts as w0; the update is w - w0 */
	int64_t steps;			/* local steps, for fl.steps */
	struct fl_update facts;		/* lr: of the first step; what needs asked for */
	struct {
		int64_t sample;		/* as in fl_local_measure() */
		double loss;		/* at w0; NAN: not known */
	} seen;				/* what one measurement leaves to another */
	const unsigned char *role;	/* (nparam) enum fl_role, or NULL */
	struct fl_augmenter augment;	/* n 0: none */
	struct fl_fixed *fixed;		/* models that see each batch, where it is augmented */
	const struct fl_tset *old;	/* this client's state before the round; may be empty */
	struct fl_tset *state;		/* to be published: begins empty */
	struct fl_room *room;
	struct fl_arena *arena;		/* lives for this client */
	struct fl_loop *loop;		/* the run at hand, with its batch */
	struct fl_use *use;		/* (cfg->nmethod) */
	size_t at;			/* the one whose hook is called */
	int watch;			/* look at every gradient for what is not finite */
};

/* A row of a parameter table for a member `tap` of the block. */
#define FL_METHOD_TAP(type) { "tap", FL_P_STR, offsetof(type, tap), NULL, 0, 0, NULL, "name", \
	"the tap whose numbers are the features; unset: the net's" }

enum fl_role { FL_ROLE_SHARED, FL_ROLE_PRIVATE, FL_ROLE_FROZEN };

enum {
	FL_METHOD_STATE = 1,	/* keeps client state: --state DIR is required; or keeps() says so */
	FL_METHOD_WHOLE = 2,	/* hooks want the whole gradient first: two-pass loop */
	FL_METHOD_INPUT = 4,	/* hooks take gradients of the input: buffers for FL_WORK_INPUT */
	FL_METHOD_UNLABELLED = 8,	/* trains on examples without a label (y is -1), too */
	FL_METHOD_LABELS = 16	/* its hooks look at labels: none may be missing */
};

struct fl_method {
	struct fl_entry e;
	unsigned flags;
	int (*keeps)(const void *p);	/* as FL_METHOD_STATE, by parameters; NULL: by flags and role */
	unsigned needs;		/* FL_NEED_* measured before begin(), into l->facts */
	const struct fl_want *with;	/* what --with has to bring, or NULL */
	/* Private tensors stay out of the update and in the client's state, as
	 * "@private/NAME"; frozen ones keep their values and stay out, too, as weights do
	 * that the architecture freezes. */
	enum fl_role (*role)(const void *p, const char *tensor);
	/* The tap whose numbers are the features for this method, its hook and fl_local_fix();
	 * NULL: those of the net. */
	const char *(*tap)(const void *p);
	int (*begin)(struct fl_local *l, struct fl_err *e);	/* load state, fill l->priv */
	/* Of the phase that a method without train() has, and of fl_local_phase(). */
	struct fl_hooks on;
	double (*pull)(const void *p);	/* that phase's pull; NULL: 0 */
	/* Replaces the single phase: personal models, masks, alternation. */
	int (*train)(struct fl_local *l, struct fl_err *e);
	/* After training: extra tensors of the update, new state. */
	int (*end)(struct fl_local *l, struct fl_tset *update, struct fl_err *e);
	/* Where begin() was called, whatever came of it: frees what the arena does not. */
	void (*release)(struct fl_local *l);
};

extern const struct fl_entry *const fl_method_list[];
extern const struct fl_family fl_family_method;

/* Brings the methods of a run into the order of the table, as -M a,b and -M b,a are the
 * same. FL_EUSAGE, by their names, where one is there twice or their hooks clash. */
int fl_methods_sort(struct fl_spec *method, size_t n, struct fl_err *e);

/* That what is given by --with is wanted by a method of the run, and what they want is
 * there; room is for the list of it. */
int fl_methods_with(const struct fl_train *cfg, struct fl_arena *room, struct fl_err *e);

/* How an update's steps were taken, by its fl.opt and fl.method. FL_EDATA where these
 * are not ours, or steps not linear in the gradients of the round. */
int fl_method_how(const struct fl_tset *update, struct fl_how *out, struct fl_err *e);

/* For methods. */
/* The record of --with that is the first of what the method wants, for this client.
 * FL_EUSAGE where there is none. */
const struct fl_tset *fl_local_with(const struct fl_local *l, struct fl_err *e);
/* One of the others, as fl_with_one(). */
int fl_local_with_one(const struct fl_local *l, const struct fl_want *want,
                      const struct fl_tset **rec, struct fl_err *e);
/* The phase of methods that have no train(): all of cfg, over l->w, with their hooks. */
struct fl_phase fl_local_phase(const struct fl_local *l);
/* FL_ENUM, with epoch and step, where a loss or a weight is not finite; FL_EDATA where a
 * phase's examples do not fit its net. */
int fl_local_run(struct fl_local *l, struct fl_phase *ph, struct fl_err *e);
/* A zeroed flat vector from the client's arena. */
fl_real *fl_local_vec(struct fl_local *l, struct fl_err *e);
/* Tensors PREFIX+NAME of s into a new flat vector; zero where s has none. */
fl_real *fl_local_import(struct fl_local *l, const struct fl_tset *s, const char *prefix,
                         struct fl_err *e);
/* Flat vector as tensors PREFIX+NAME of s. */
int fl_local_export(struct fl_local *l, const fl_real *v, const char *prefix, struct fl_tset *s,
                    struct fl_err *e);
/* The same two for what a method keeps of each parameter: a control variate, a moment.
 * Running statistics have none; those of earlier versions' records are passed over. */
fl_real *fl_local_import_params(struct fl_local *l, const struct fl_tset *s, const char *prefix,
                                struct fl_err *e);
int fl_local_export_params(struct fl_local *l, const fl_real *v, const char *prefix,
                           struct fl_tset *s, struct fl_err *e);
/* Numbers of the method's features. */
size_t fl_local_width(const struct fl_local *l);
/* Examples of each class, (classes); those without a label are not counted. */
double *fl_local_counts(struct fl_local *l, struct fl_err *e);
/* A logits hook: adds l->priv, a vector (C), to every row of z. */
void fl_local_shift(struct fl_local *l, fl_real *z, const int32_t *y, size_t B, size_t C);
/* Of the batch at hand, for hooks: logits z(B,C) of the net of a phase that runs, which is
 * this one or the one beside it. */
const fl_real *fl_phase_logits(const struct fl_phase *ph);
/* For task(): the task's own loss after all, which WRITES dz(B,C) of the batch at hand. */
double fl_local_task(struct fl_local *l);
/* A task hook: the same without the losses that l->priv marks, (1 + taps) unsigned char: [0] the
 * net's own, [1 + t] of tap t. */
double fl_local_task_without(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
                             size_t B, size_t C);
/* For batch(): what is drawn for the next gradient, such as dropout, is what was drawn
 * for the batch's first. */
void fl_local_again(struct fl_local *l);
/* For batch(): loss and gradient g(P) of the batch at hand at a point of choice, the
 * method's logits, loss and features included. Running statistics move only
 * where at is the vector that trains. */
double fl_local_gradient(struct fl_local *l, const fl_real *at, fl_real *g);
/* at = w + rho g/|g|, for what trains; g is the gradient of the batch at w, whose
 * loss is returned. The step up of SAM. */
double fl_local_ascent(struct fl_local *l, double rho, const fl_real *w, fl_real *at, fl_real *g);
enum { FL_FIX_FEATURES = 1, FL_FIX_LOGITS = 2 };
/* What w says of the whole local set as it is stored, in f->h or f->z, row by example. */
int fl_local_all(struct fl_local *l, struct fl_fixed *f, const fl_real *w, unsigned what,
                 struct fl_err *e);
/* For begin(): what w says of the examples trained on, in f->h or f->z: of the whole
 * local set at once or, where examples are augmented, of every batch as it is then.
 * f lives as long as the client. Example b of the batch has row fl_local_row(). */
int fl_local_fix(struct fl_local *l, struct fl_fixed *f, const fl_real *w, unsigned what,
                 struct fl_err *e);
size_t fl_local_row(const struct fl_local *l, size_t b);
/* The number of example b of the batch. */
size_t fl_local_example(const struct fl_local *l, size_t b);
/* The learning rate of cfg's round. */
double fl_local_lr(const struct fl_train *cfg);
/* Mean loss of the task (no weight decay, no terms of the method), and where g is
 * not NULL its gradient, at w over the local set, what has labels of it, in stored order
 * or the first sample > 0 of a permutation keyed by (seed, round, client). In batches of 256
 * whatever the batch of training; sums over batches in double. Non-finite: FL_ENUM. */
int fl_local_measure(struct fl_local *l, const fl_real *w, int64_t sample, double *loss,
                     fl_real *g, struct fl_err *e);

/* The loss of each example at w, of the net's outputs, loss(N); all must have a label. */
int fl_local_losses(struct fl_local *l, const fl_real *w, double *loss, struct fl_err *e);

/* Trains one client from the room's model: data in, update out (kind update,
 * metadata set, all but provenance). old/state: the client's state, in and out;
 * state stays empty where cfg needs none. Threads need a room each. */
int fl_local_train(const struct fl_train *cfg, struct fl_room *room, const struct fl_data *data,
                   const struct fl_tset *old, struct fl_tset *state, struct fl_tset *update,
                   struct fl_err *e);
/* Who keeps state between rounds: an option, the name of a method; NULL: nobody. */
const char *fl_local_keeps(const struct fl_train *cfg);

#endif
