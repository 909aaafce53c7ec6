/* The one training loop: examples in some order, a batch a step, an optimiser. A client's
 * phases, a server's lessons and adapters of pairs all run it. It does not know where
 * examples come from: hooks load a batch, and add what a method wants to its loss and to
 * the gradient.
 *
 * By default a stretch of weights is updated as soon as its gradient is final, while both
 * are in cache. Where the whole gradient is wanted first, a step takes two passes; an
 * elementwise hook and optimiser give the same bytes either way. */
#ifndef FL_TRAIN_LOOP_H
#define FL_TRAIN_LOOP_H

#include <stdint.h>

#include "nn/net.h"
#include "optim/optim.h"

/* One thread's buffers for a net, kept from one loop to the next. */
struct fl_bench {
	const struct fl_net *net;
	fl_real *g;			/* (P) gradient of a batch */
	float *vec[FL_OPT_VECS];	/* (P) of the optimiser; NULL until used */
	uint32_t *order;		/* (norder) examples of an epoch */
	uint32_t *batch;		/* (work.B) those of a batch */
	int32_t *y;			/* (work.B) classes of the batch */
	int32_t *y2;			/* (work.B) second ones, where a batch is mixed */
	fl_real *dfeature;		/* (work.B, features) or NULL until used */
	fl_real *dz;			/* gradients of a loss, a second time; or NULL until used */
	size_t norder;
	int input;			/* work is for FL_WORK_INPUT */
	struct fl_work work;		/* grows to the largest batch */
};
int fl_bench_init(struct fl_bench *b, const struct fl_net *net, struct fl_err *e);
/* Makes room for batches of B, and for the order of N examples. */
int fl_bench_fit(struct fl_bench *b, size_t B, size_t N, struct fl_err *e);
void fl_bench_release(struct fl_bench *b);

/* What a loop asks of those who run it. All but load may be NULL; ctx is the loop's. */
struct fl_loop_hooks {
	/* The order of an epoch's n examples comes as they would be taken. Changes it in
	 * place and returns how many of them are to be taken: 0 ends the loop. */
	size_t (*order)(void *ctx, uint32_t *order, size_t n);
	/* The learning rate of the next step; NULL: lr in all. */
	double (*rate)(void *ctx);
	/* Puts examples idx(B), or i0, i0+1, ... where idx is NULL, on the bench: inputs in
	 * work.act[0], targets in work.target where the net has them, classes in y. */
	void (*load)(void *ctx, const uint32_t *idx, size_t i0, size_t B);
	/* Adds to the logits z(B,C) before the loss; gradient passes unchanged. */
	void (*logits)(void *ctx, fl_real *z, const int32_t *y, size_t B, size_t C);
	/* In place of the net's own loss: returns it, WRITES dz(B,C). */
	double (*task)(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
	               size_t C);
	/* An extra loss: returns its value, ADDS to dz(B,C). */
	double (*loss)(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
	               size_t C);
	/* An extra loss on the features h(B,d): returns its value, ADDS to dh(B,d). */
	double (*features)(void *ctx, const fl_real *h, const int32_t *y, fl_real *dh, size_t B,
	                   size_t d);
	/* Makes the gradient g(P) of the batch at w, by fl_loop_gradient(); returns the loss. */
	double (*batch)(void *ctx, const fl_real *w, fl_real *g);
	/* Adds terms to the final gradient g(end - begin) of a stretch [begin,end) of the flat
	 * vectors, before the optimiser; in two passes, to all of [0,P). w is the stretch's. */
	void (*grad)(void *ctx, size_t begin, size_t end, const fl_real *w, fl_real *g);
	void (*done)(void *ctx);	/* after every step */
};

struct fl_loop {
	/* To be filled in. */
	const struct fl_net *net;
	struct fl_bench *bench;		/* of that net */
	fl_real *w;			/* (P) trained in place */
	struct fl_spec opt;
	double lr;			/* as scheduled */
	double clip;			/* largest L2 norm of a step's gradient; 0: none */
	size_t N;			/* examples */
	/* (N) their classes where some are -1, not labelled: these come last in a batch, and the
	 * task's loss is the mean over the others. NULL: all are labelled. */
	const int32_t *label;
	int64_t batch;			/* of a step; the last of an epoch may be smaller */
	int64_t epochs, steps;		/* steps FL_UNSET: by epochs */
	int shuffle;			/* 0: stored order */
	const unsigned char *still;	/* (nparam) parameters that stay; NULL: none beside buffers */
	int mixes;			/* load() may mix batches: sets keep */
	int whole;			/* hooks want the whole gradient before any update */
	int input;			/* hooks take gradients of the input */
	int watch;			/* look at every gradient for what is not finite */
	struct fl_loop_hooks on;
	void *ctx;
	/* Random numbers: orders by (seed, round, who, phase, epoch), dropout likewise or,
	 * by_step, by the number of the step in place of phase and epoch. */
	uint64_t seed, round, who;
	unsigned phase;
	int by_step;
	/* State: what goes on from one epoch to the next, with w and the bench's vec. */
	int64_t epoch;			/* whole epochs done; in hooks, the one at hand from 0 */
	uint64_t t;			/* the optimiser's steps */
	/* Out. */
	int64_t taken;			/* steps of this loop */
	double loss;			/* mean loss of the last epoch; NAN: no step */
	/* At hand, for hooks. */
	const uint32_t *idx;
	size_t i0, B;
	/* The task's loss is keep times that of the classes y and the rest that of y2; 1 before
	 * load(). */
	double keep;
	/* The loop's own. */
	struct fl_rng drop, drop0;	/* drop0: at the beginning of the step */
	struct fl_err err;		/* of a hook that fails: ends the step */
	const char *bad;		/* a tensor whose gradient is not finite, or NULL */
	double rate, sum;		/* sum: of losses over the epoch's examples */
	size_t seen;
	int over;			/* no examples are left to take */
};

/* Fits the bench, and zeroes what the optimiser keeps; then epochs, to the end or one by
 * one. FL_ENUM, with epoch and step, where a loss or gradient is not finite. */
int fl_loop_begin(struct fl_loop *p, struct fl_err *e);
int fl_loop_over(const struct fl_loop *p);
int fl_loop_epoch(struct fl_loop *p, struct fl_err *e);
/* FL_ENUM where a weight is not finite: after the last epoch, or after each. */
int fl_loop_check(const struct fl_loop *p, struct fl_err *e);

/* What an epoch is made of: its beginning, steps on examples idx(B) or i0.., its end. */
int fl_loop_open(struct fl_loop *p, struct fl_err *e);
int fl_loop_step(struct fl_loop *p, const uint32_t *idx, size_t i0, size_t B, struct fl_err *e);
void fl_loop_close(struct fl_loop *p);

/* For task(): the net's own loss of the batch at hand, over examples with a label, which
 * WRITES dz. */
double fl_loop_task(struct fl_loop *p);
/* For batch(): loss and gradient g(P) of the batch at hand at any point, with all that hooks
 * add. Running statistics move only where at is the vector that trains. */
double fl_loop_gradient(struct fl_loop *p, const fl_real *at, fl_real *g);
/* What is drawn for the next gradient is what was drawn for the batch's first. */
void fl_loop_again(struct fl_loop *p);
/* Whether a parameter trains, and the L2 norm of g over those that do. */
int fl_loop_trains(const struct fl_loop *p, size_t param);
double fl_loop_norm(const struct fl_loop *p, const fl_real *g);

#endif
