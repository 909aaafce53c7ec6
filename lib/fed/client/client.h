/* Local methods: hooks into the one training loop of local.c.
 *
 * Everything parameter-shaped is a flat vector of net->P reals in the net's own
 * layout, so that methods are arithmetic over [begin,end): w - w0, c - c_k. */
#ifndef FL_FED_CLIENT_CLIENT_H
#define FL_FED_CLIENT_CLIENT_H

#include "data/data.h"
#include "fed/fed.h"
#include "nn/net.h"
#include "optim/optim.h"

struct fl_local;

/* How the user wants local training done: one for all clients of a run. */
struct fl_train {
	struct fl_spec method, opt;
	int64_t epochs, steps;		/* steps FL_UNSET: by epochs */
	int64_t batch;
	int shuffle;			/* 0: stored order, last short batch kept */
	int keep_opt;			/* optimiser state survives rounds */
	uint64_t seed;
	int64_t round;
	unsigned measure;		/* FL_NEED_LOSS0 | GRADNORM | LOSS */
	int64_t sample[3];		/* of loss0, gradnorm, loss: examples, 0 = all */
	const struct fl_tset *with;	/* (nwith) records of --with */
	size_t nwith;
};

/* Called for a stretch [begin,end) of flat vectors whose gradient g is final,
 * before the optimiser: adds the method's terms to g. */
typedef void fl_grad_hook(struct fl_local *l, size_t begin, size_t end, const fl_real *w,
                          fl_real *g);

/* One run of the loop over a weight vector. */
struct fl_phase {
	fl_real *w;			/* (P) trained in place */
	int64_t epochs, steps;		/* as in fl_train */
	fl_grad_hook *grad;		/* NULL: none */
	const unsigned char *frozen;	/* (nparam) 1: not updated; NULL: none */
	unsigned id;			/* 0, 1, ...: separates shuffles and optimiser state */
	int (*epoch_done)(struct fl_local *, int64_t epoch, struct fl_err *);	/* may be NULL */
	/* out */
	int64_t taken;			/* steps taken */
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
	double lr0;			/* client learning rate of the first step */
	const struct fl_tset *old;	/* this client's state before the round; may be empty */
	struct fl_tset *state;		/* to be published: begins empty */
	struct fl_work *work;
	struct fl_arena *arena;		/* lives for this client */
	void *priv;			/* the method's own */
};

enum fl_role { FL_ROLE_SHARED, FL_ROLE_PRIVATE, FL_ROLE_FROZEN };

enum {
	FL_METHOD_STATE = 1,	/* keeps client state: --state DIR is required */
	FL_METHOD_WHOLE = 2	/* hooks want the whole gradient first: two-pass loop */
};

struct fl_method {
	struct fl_entry e;
	unsigned flags;
	unsigned needs;		/* FL_NEED_* the loop measures before begin(), for the method */
	/* Private tensors stay out of the update and in the client's state. */
	enum fl_role (*role)(const void *p, const char *tensor);
	int (*begin)(struct fl_local *l, struct fl_err *e);	/* load state, fill l->priv */
	/* Adds to the logits z(B,C) before the loss; gradient passes unchanged. */
	void (*logits)(struct fl_local *l, fl_real *z, const int32_t *y, size_t B, size_t C);
	/* Extra loss after the task's: returns its value, ADDS to dz(B,C). */
	double (*loss)(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
	               size_t B, size_t C);
	fl_grad_hook *grad;
	/* Replaces the single phase: personal models, masks, alternation. */
	int (*train)(struct fl_local *l, struct fl_err *e);
	/* After training: extra tensors of the update, new state. */
	int (*end)(struct fl_local *l, struct fl_tset *update, struct fl_err *e);
};

extern const struct fl_entry *const fl_method_list[];
extern const struct fl_family fl_family_method;

/* For methods. */
int fl_local_run(struct fl_local *l, struct fl_phase *ph, struct fl_err *e);
/* A zeroed flat vector from the client's arena. */
fl_real *fl_local_vec(struct fl_local *l, struct fl_err *e);
/* Tensors PREFIX+NAME of s into a new flat vector; zero where s has none. */
fl_real *fl_local_import(struct fl_local *l, const struct fl_tset *s, const char *prefix,
                         struct fl_err *e);
/* Flat vector as tensors PREFIX+NAME of s. */
int fl_local_export(struct fl_local *l, const fl_real *v, const char *prefix, struct fl_tset *s,
                    struct fl_err *e);
/* Mean loss, and where g is not NULL its gradient, at w over the local set or
 * the first n of a sample keyed by (seed, round, client). Non-finite: FL_ENUM. */
int fl_local_measure(struct fl_local *l, const fl_real *w, int64_t sample, double *loss,
                     fl_real *g, struct fl_err *e);

/* Trains one client: data in, update out (kind update, metadata set, all but
 * provenance). old/state: the client's state, in and out. Non-finite loss or
 * weights: FL_ENUM with client, epoch, step. Thread-safe. work is reused from
 * client to client by one thread. */
int fl_local_train(const struct fl_train *cfg, const struct fl_net *net,
                   const struct fl_tset *model, const char base[9], const struct fl_data *data,
                   const struct fl_tset *old, struct fl_tset *state, struct fl_work *work,
                   struct fl_tset *update, struct fl_err *e);

#endif
