/* Local methods: hooks into the one training loop (train/loop.h).
 *
 * Everything parameter-shaped is a flat vector of net->P reals in the net's own
 * layout, so that methods are arithmetic over [begin,end): w - w0, c - c_k. */
#ifndef FL_FED_CLIENT_CLIENT_H
#define FL_FED_CLIENT_CLIENT_H

#include "augment/augment.h"
#include "data/data.h"
#include "fed/fed.h"
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
	struct fl_spec method, opt;
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
	unsigned measure;		/* FL_NEED_LOSS0 | GRADNORM | LOSS */
	int64_t sample[3];		/* of loss0, gradnorm, loss: examples, 0 = all */
	const struct fl_tset *with;	/* (nwith) records of --with */
	size_t nwith;
};

/* Called for a stretch [begin,end) of the flat vectors where the gradient is final,
 * before the optimiser: adds the method's terms to g. w and g are the stretch's own,
 * (end - begin).
 * FL_METHOD_WHOLE: once a step, for [0,P). */
typedef void fl_grad_hook(struct fl_local *l, size_t begin, size_t end, const fl_real *w,
                          fl_real *g);

/* One run of the loop over a weight vector. */
struct fl_phase {
	fl_real *w;			/* (P) trained in place */
	int64_t epochs, steps;		/* as in fl_train */
	fl_grad_hook *grad;		/* NULL: none */
	const unsigned char *role;	/* (nparam) enum fl_role: FROZEN is not updated; NULL: all shared */
	unsigned id;			/* 0, 1, ...: separates shuffles and optimiser state */
	int (*epoch_done)(struct fl_local *, int64_t epoch, struct fl_err *);	/* may be NULL */
	/* out */
	int64_t taken;			/* steps taken */
	double loss;			/* mean training loss over the last epoch; NAN: no step */
};

/* What a model that does not train says of examples, as in evaluation. */
struct fl_fixed {
	const fl_real *w;
	fl_real *h, *z;			/* features (., net->features), logits (., C); or NULL */
	struct fl_fixed *next;
};

struct fl_local {
	const struct fl_train *cfg;
	const void *p;			/* the method's parameters */
	const struct fl_net *net;
	const struct fl_data *data;
	const struct fl_tset *model;	/* the received record, method tensors included */
	int64_t client, round;
	const fl_real *w0;		/* (P) received weights */
	fl_real *w;			/* (P) starts as w0; the update is w - w0 */
	int64_t steps;			/* local steps, for fl.steps */
	struct fl_update facts;		/* lr: of the first step; what needs asked for */
	const unsigned char *role;	/* (nparam) enum fl_role, or NULL */
	struct fl_augmenter augment;	/* n 0: none */
	struct fl_fixed *fixed;		/* models that see each batch, where it is augmented */
	const struct fl_tset *old;	/* this client's state before the round; may be empty */
	struct fl_tset *state;		/* to be published: begins empty */
	struct fl_room *room;
	struct fl_arena *arena;		/* lives for this client */
	void *priv;			/* the method's own */
	struct fl_loop *loop;		/* the run at hand, with its batch */
	int watch;			/* look at every gradient for what is not finite */
};

enum fl_role { FL_ROLE_SHARED, FL_ROLE_PRIVATE, FL_ROLE_FROZEN };

enum {
	FL_METHOD_STATE = 1,	/* keeps client state: --state DIR is required; or keeps() says so */
	FL_METHOD_WHOLE = 2	/* hooks want the whole gradient first: two-pass loop */
};

struct fl_method {
	struct fl_entry e;
	unsigned flags;
	int (*keeps)(const void *p);	/* as FL_METHOD_STATE, by parameters; NULL: by flags alone */
	/* The weight of a term that pulls each step back, pull (w - w0); NULL: none.
	 * For fl_method_how. */
	double (*pull)(const void *p);
	unsigned needs;		/* FL_NEED_* measured before begin(), into l->facts */
	const char *with;	/* the statistic that --with has to bring, pooled over clients */
	/* Private tensors stay out of the update and in the client's state, as
	 * "@private/NAME"; frozen ones keep their values and stay out, too, as weights do
	 * that the architecture freezes. */
	enum fl_role (*role)(const void *p, const char *tensor);
	int (*begin)(struct fl_local *l, struct fl_err *e);	/* load state, fill l->priv */
	/* Adds to the logits z(B,C) before the loss; gradient passes unchanged. */
	void (*logits)(struct fl_local *l, fl_real *z, const int32_t *y, size_t B, size_t C);
	/* Extra loss after the task's: returns its value, ADDS to dz(B,C). */
	double (*loss)(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
	               size_t B, size_t C);
	/* Extra loss on the features h(B,d): returns its value, WRITES dh(B,d), which
	 * joins their gradient on the way back. */
	double (*features)(struct fl_local *l, const fl_real *h, fl_real *dh, size_t B, size_t d);
	/* Replaces the gradient of the batch at hand: writes g(P) from as many
	 * fl_local_gradient() as it likes, returns the loss at w. grad and the
	 * optimiser follow, in two passes. SAM, variance reduction. */
	double (*batch)(struct fl_local *l, const fl_real *w, fl_real *g);
	fl_grad_hook *grad;
	/* Replaces the single phase: personal models, masks, alternation. */
	int (*train)(struct fl_local *l, struct fl_err *e);
	/* After training: extra tensors of the update, new state. */
	int (*end)(struct fl_local *l, struct fl_tset *update, struct fl_err *e);
};

extern const struct fl_entry *const fl_method_list[];
extern const struct fl_family fl_family_method;

/* How an update's steps were taken, by its fl.opt and fl.method. FL_EDATA where these
 * are not ours, or steps not linear in the gradients of the round. */
int fl_method_how(const struct fl_tset *update, struct fl_how *out, struct fl_err *e);

/* For methods. */
/* The record of --with that holds the method's statistic. FL_EUSAGE where there is none. */
const struct fl_tset *fl_local_with(const struct fl_local *l, struct fl_err *e);
/* Of a statistic by class: means (C, width) and counts (C) of that record. */
int fl_local_class_means(const struct fl_local *l, size_t width, const float **mean,
                         const int64_t **count, struct fl_err *e);
/* The phase of a method that has no train(): all of cfg, over l->w. */
struct fl_phase fl_local_phase(const struct fl_local *l);
/* FL_ENUM, with epoch and step, where a loss or a weight is not finite. */
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
/* Examples of each class, (classes). */
double *fl_local_counts(struct fl_local *l, struct fl_err *e);
/* A logits hook: adds l->priv, a vector (C), to every row of z. */
void fl_local_shift(struct fl_local *l, fl_real *z, const int32_t *y, size_t B, size_t C);
/* A proximal term, of a grad hook: g += mu (w - w0). */
void fl_local_pull(const struct fl_local *l, double mu, size_t begin, size_t end,
                   const fl_real *w, fl_real *g);
/* What a server that adds the mean of it to its m needs for m' = beta m + (1 - beta) G:
 * (1 - beta)(G - m) as tensors PREFIX+NAME of update. */
int fl_local_average(struct fl_local *l, double beta, const fl_real *m, fl_real *G,
                     const char *prefix, struct fl_tset *update, struct fl_err *e);
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
/* The learning rate of cfg's round. */
double fl_local_lr(const struct fl_train *cfg);
/* Mean loss of the task (no weight decay, no terms of the method), and where g is
 * not NULL its gradient, at w over the local set in stored order or the first
 * sample > 0 of a permutation keyed by (seed, round, client). In batches of 256
 * whatever the batch of training; sums over batches in double. Non-finite: FL_ENUM. */
int fl_local_measure(struct fl_local *l, const fl_real *w, int64_t sample, double *loss,
                     fl_real *g, struct fl_err *e);

/* Trains one client from the room's model: data in, update out (kind update,
 * metadata set, all but provenance). old/state: the client's state, in and out;
 * state stays empty where cfg needs none. Threads need a room each. */
int fl_local_train(const struct fl_train *cfg, struct fl_room *room, const struct fl_data *data,
                   const struct fl_tset *old, struct fl_tset *state, struct fl_tset *update,
                   struct fl_err *e);
/* Whether clients of cfg keep state between rounds. */
int fl_local_keeps(const struct fl_train *cfg);

#endif
