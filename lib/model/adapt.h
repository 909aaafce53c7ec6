/* Training an adapter on pairs of embeddings that may be larger than memory: epochs of the
 * one loop, whose rate falls as half a cosine, and how well pairs find each other. */
#ifndef FL_MODEL_ADAPT_H
#define FL_MODEL_ADAPT_H

#include "data/truth.h"
#include "model/adapter.h"
#include "optim/schedule.h"
#include "train/loop.h"

/* Where pairs come from. */
struct fl_pairset {
	struct fl_embeds text, image;
	struct fl_pairs pairs;
};
void fl_pairset_release(struct fl_pairset *s);
/* Widths must be the adapter's d[2], of texts and images; rows that are paired finite and not zero: FL_EDATA by
 * number. key (pairs.n), may be NULL: a hash of each pair's content. */
int fl_pairset_check(const struct fl_pairset *s, const size_t d[2], uint64_t *key, struct fl_err *e);
/* FL_EDATA: a pair of b has the content of one of a, both named by number. */
int fl_pairset_apart(const struct fl_pairset *a, const struct fl_pairset *b, const size_t d[2],
                     struct fl_err *e);

struct fl_adapt {
	struct fl_adapter a;		/* what trains */
	const struct fl_pairset *train;
	struct fl_spec opt;
	int64_t epochs, batch;
	double lr_end;			/* the rate of the step after the last */
	struct fl_spec schedule;	/* of the rate over epochs, in place of lr_end; or entry NULL */
	double clip;			/* largest L2 norm of a step's gradient; 0: none */
	int shuffle;
	uint64_t seed;
	int threads;
	enum fl_gemm_precision precision;	/* of training; validation is in F32 */
	/* With a.w all that goes from one epoch to the next: loop.epoch, loop.t, bench.vec. */
	struct fl_loop loop;
	struct fl_bench bench;
	void (*done)(void *ctx, const struct fl_adapt *t);
	void *ctx;
};
/* After the first members are filled, down to precision. */
int fl_adapt_begin(struct fl_adapt *t, struct fl_err *e);
/* One more. FL_ENUM where a loss or a weight is no longer finite: then weights and
 * optimiser are those of a broken epoch. done (may be NULL) after every step. */
int fl_adapt_epoch(struct fl_adapt *t, void (*done)(void *ctx, const struct fl_adapt *t),
                   void *ctx, struct fl_err *e);
double fl_adapt_lr(const struct fl_adapt *t);	/* of the next step */
/* Releases room and state; a is the caller's. */
void fl_adapt_release(struct fl_adapt *t);

/* Of pairs: mean loss in batches as for training, in stored order; of the texts and images
 * that occur in them, the share that finds one of its own first, by the adapter's score
 * (all but the loss: fl_adapter_recall). */
struct fl_adapt_val {
	double loss, t2i, i2t;
	double kappa, uncertainty;	/* means over the texts; NAN: there are none */
};
int fl_adapter_recall(const struct fl_adapter *a, const struct fl_embeds *texts,
                      const struct fl_embeds *images, const struct fl_pairs *pairs, int threads,
                      struct fl_adapt_val *v, struct fl_err *e);
int fl_adapt_validate(struct fl_adapt *t, const struct fl_pairset *s, struct fl_adapt_val *v,
                      struct fl_err *e);

#endif
