/* All I/O and memory of aggregation: reads the updates once, checks each, and
 * hands out the combined update. Knows shapes of computation, no rule by name.
 *
 * Folds stream: memory is that of the model (24 bytes a parameter; 8 where all updates
 * are open at once) and a batch of records, for any number of clients. Folds and columns
 * read files by stretches; the other shapes keep them mapped. What comes by pipe and is
 * needed together goes into an unlinked file in $TMPDIR. */
#ifndef FL_FED_AGG_COLLECT_H
#define FL_FED_AGG_COLLECT_H

#include <stdatomic.h>

#include "data/names.h"
#include "fed/agg/agg.h"
#include "fed/combined.h"
#include "kernel/bins.h"
#include "tensor/stream.h"

#define FL_BATCH 64	/* mapped records folded at once: bins go through memory once for all */
#define FL_APART 512	/* files open at once, at most */

/* A model as clients received it. */
struct fl_received {
	const struct fl_tset *model;
	char base[FL_HASH_TEXT];
	char crc[FL_BASE_CRC];	/* its fl_base_crc(), where model is NULL */
	int64_t round;
};
/* Whether base, of an update, names that model. */
int fl_received_is(const struct fl_received *r, const char *base);

/* A tensor of updates. */
struct fl_slot {
	struct fl_tensor t;	/* name and shape; data: the model's F32, or NULL */
	size_t owners;		/* clients that bring it */
	int running;		/* running statistics: means, and in no norm */
	/* folds */
	struct fl_bins bins;
	double *value;		/* or the sums at once, where one batch is all there is */
	int *top;		/* per stretch of 8192 coordinates (exact.c), its window as fl_bins_sum()
				 * has it: the index of its highest bin */
	int *cut;		/* per stretch, the highest bin that its values were cut to */
	atomic_int most;	/* the highest of all top */
	struct fl_bins sum[FL_FOLD_SCALARS];
	double scale;
	struct fl_slot *kept;	/* the sum of kept updates; NULL: none are */
	struct fl_bins past;	/* that of the rounds before; bin NULL: none */
	const struct fl_slot *cover;	/* the weights of sub-networks that own a coordinate; NULL: none */
	double rest;			/* the weight of all others */
	struct fl_term *add;	/* (nadd) of the batch in work */
	size_t nadd, addcap;
	/* other shapes */
	const struct fl_tensor **from;	/* (K) by ascending client, NULL: does not bring it */
	const float **v;		/* (K) its data, where they are at hand */
	const uint8_t **mask;	/* (K) NULL: owns it all; NULL: all do who bring it */
	const float **weight;	/* (K) of its coordinates, NULL: 1; NULL: all are */
	const double *w, *share;	/* (K) of a weigh rule: of updates, of means */
	const struct fl_tensor *done;	/* a whole rule's own result */
};

struct fl_piece {
	struct fl_slot *slot;	/* NULL: a tensor that the rule takes itself */
	const struct fl_tensor *t;
	float max;		/* largest |x| */
	const float *weight;	/* of its coordinates; NULL: 1 */
};

/* What a member adds to a slot. */
struct fl_term {
	const struct fl_arrived *m;
	const struct fl_tensor *t;
	double w;
	const float *weight;	/* by coordinate, NULL: 1 */
};

/* One update at hand. */
struct fl_arrived {
	struct fl_tset rec;
	struct fl_update u;
	const char *file;	/* for messages */
	const struct fl_received *from;
	struct fl_piece *part;	/* (npart), in rec's arena */
	size_t npart;
	struct fl_fold_out out;
	size_t *at;		/* offsets in the spool, or NULL: data are mapped */
	struct fl_stream *in;	/* whence it came */
	struct fl_stream *past;	/* that of kept */
	struct fl_arrived *kept;	/* the client's last update, or NULL; in rec's arena */
	int fd;			/* its tensors' data are to be read from, -1: they have them */
	unsigned long long buffer;	/* where in fd their buffer begins */
};

struct fl_seen {
	int64_t client;
	const char *file;
	double *row;		/* (nrow) what is kept of it; NULL: nothing */
};

struct fl_spool {
	int fd;			/* -1: none yet */
	size_t size;
	void *map;
};

struct fl_collect {
	/* Set by the caller, the rest zeroed. */
	const struct fl_rule *rule;
	const void *rp;
	const struct fl_fold *fold;	/* the rule's, or a server's own; NULL: not a fold */
	const void *fp;
	const char *who;		/* "rule qfedavg", whose needs are checked */
	const char *spec;		/* its canonical text: partials carry it */
	const struct fl_tset *model;	/* what is averaged; NULL: each client has its own */
	char base[FL_HASH_TEXT];	/* of model, for partials */
	int64_t round;			/* being combined; personal: out, the latest one */
	/* The model that an update must have been trained from. */
	const struct fl_received *(*received)(void *ctx, const struct fl_update *u,
	                                      struct fl_err *e);
	/* That of a late update, with its tensors: where the fold rebases, for running statistics. */
	const struct fl_tset *(*past)(void *ctx, const struct fl_received *r, struct fl_err *e);
	/* What FL_NEED_HOW asks for, from the record: fl_method_how(). */
	int (*how)(const struct fl_tset *update, struct fl_how *out, struct fl_err *e);
	void *ctx;
	const struct fl_with *with;	/* records of --with */
	struct fl_kept_rows rows;
	struct fl_kept *kept;		/* of a fold that keeps updates, and the server's state before */
	const struct fl_tset *old;
	struct fl_accord accord;	/* names of classes, of the model so far */
	int threads;
	size_t memory;			/* for tiles of column rules, bytes */
	int keep_bins;			/* a partial will be asked for */

	/* Out. */
	size_t K;
	struct fl_seen *seen;		/* (K) by ascending client */
	double s[FL_FOLD_SCALARS];	/* the fold's sums over all clients */
	struct fl_arrived *member;	/* (nmember): not folds: (K), by ascending client */
	struct fl_tset *result;		/* (K) of personal whole rules, (1) of other whole rules */

	/* Its own. */
	unsigned needs;
	const struct fl_fact *facts;
	size_t nmember, membercap, seencap, nslot, slotcap, ntile, tilecap, tile;
	struct fl_slot **slot;		/* (nslot) by name */
	struct fl_stretch {
		struct fl_slot *slot;
		size_t i0, i1;
	} *stretch;			/* (ntile) of all slots */
	size_t stretched;		/* slots there when stretch was made */
	int drained, masked;		/* bins hold something; sub-networks came */
	struct fl_fold_room *room;		/* (threads) */
	size_t rowcap;			/* rows of each */
	struct fl_bins total[FL_FOLD_SCALARS];
	double *weight, *share;		/* (K) of weigh rules: of updates, of means */
	double *matrix;			/* (K,K) of personal ones */
	const struct fl_tensor **tensor;	/* of fl_combined */
	struct fl_slot **owned;
	float **scratch;		/* (threads) */
	double here, gone;		/* of a mix() */
	struct fl_spool spool;
	struct fl_arena wide;		/* what the slices of the record at hand stand for */
	const char *file;
	struct fl_arena arena;
};

/* Doubles that the state keeps of a client. */
unsigned fl_collect_nrow(const struct fl_collect *c);
void fl_collect_init(struct fl_collect *c);
/* Reads every update and partial, once. FL_EDATA names file, client, tensor. */
int fl_collect_read(struct fl_collect *c, struct fl_inputs *in, struct fl_err *e);
/* The tensors of the next model of client c->member[k] of a personal rule, after combine. */
int fl_collect_personal(struct fl_collect *c, size_t k, struct fl_tset *out, struct fl_err *e);
/* What was read so far as one record of kind partial. Folds only. Its tensors are
 * views into c. */
int fl_collect_partial(struct fl_collect *c, struct fl_tset *out, struct fl_err *e);
/* Ends reading: weights, inner products, personal models. *out is valid until
 * release; personal rules leave it empty. */
int fl_collect_combine(struct fl_collect *c, struct fl_combined *out, struct fl_err *e);
void fl_collect_release(struct fl_collect *c);

#endif
