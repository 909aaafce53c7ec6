/* What client and server methods share: an update's facts, what may be asked of
 * clients, and state files. Knows no method by name. */
#ifndef FL_FED_FED_H
#define FL_FED_FED_H

#include <stdint.h>

#include "optim/optim.h"
#include "tensor/meta.h"
#include "tensor/stream.h"

/* What a rule, server or method wants an update to bring. The first three are
 * measured on request (fl-local-train --measure), the rest always there or
 * computed by the collector. */
enum fl_need {
	FL_NEED_LOSS0 = 1,	/* fl.loss0: mean training loss at the received model */
	FL_NEED_GRADNORM = 2,	/* fl.gradnorm: L2 norm of its gradient there */
	FL_NEED_LOSS = 4,	/* fl.loss: mean training loss after training */
	FL_NEED_STEPS = 8,	/* fl.steps */
	FL_NEED_LR = 16,	/* fl.lr */
	FL_NEED_NORM = 32,	/* L2 norm of the update, without extras and running statistics;
				 * computed here */
	FL_NEED_HOW = 64	/* how steps were taken, where fl.opt and fl.method say it */
};
/* "loss0,gradnorm": the names --measure takes, in this order. */
void fl_need_print(unsigned needs, struct fl_str *out);

/* How a client's steps were taken. */
struct fl_how {
	int has_opt, has_method;	/* fl.opt, fl.method are there */
	struct fl_opt_linear opt;
	double pull;			/* of the method's term pull (w - w0) in each gradient */
};
/* The sum of |a_j|, the shares with which the gradients of t steps at rate lr enter the
 * update -lr sum a_j g_j: FedNova's norm of a. Without momentum and pull it is t. A pull
 * wants lr pull < 1. NAN: with momentum and a pull, t is above FL_HOW_STEPS. */
#define FL_HOW_STEPS 10000000
double fl_how_sum(const struct fl_how *how, double lr, int64_t t);

struct fl_update {
	int64_t client, round, examples, steps;	/* steps -1: absent */
	char base[FL_HASH_TEXT];	/* or a CRC of before: fl_base_names() */
	double loss0, gradnorm, loss, lr;	/* NAN: absent */
	double norm;				/* NAN unless FL_NEED_NORM */
	struct fl_how how;			/* zero unless FL_NEED_HOW */
	const char *method;			/* fl.method, NULL: absent; in the record */
};
/* From a record of kind update: client, round, base, examples >= 1 demanded;
 * others checked where present (losses finite, norms finite and >= 0). */
int fl_update_read(const struct fl_tset *rec, struct fl_update *u, struct fl_err *e);
int fl_update_write(const struct fl_update *u, struct fl_tset *rec, struct fl_err *e);
/* FL_EDATA "client 7: fl.loss0 is missing; rule qfedavg needs it: fl-local-train
 * --measure loss0". who: "rule qfedavg". */
int fl_update_check(const struct fl_update *u, unsigned needs, const char *who, struct fl_err *e);

/* What a client keeps for itself of a model has this before the tensor's name. */
#define FL_PRIVATE "@private/"

/* A state file is a stream that keeps two records of kind state: that of the
 * round it was made for, and the newest one before.
 *
 * load: the newest record with fl.round < round; absent file or record: 1
 * (state stays empty); 0 when found; -1 on error. Records of later or equal
 * rounds (a run that was killed after publishing its state) are passed over; where
 * that leaves none, and some are later, so that one may have been there: 2. */
int fl_state_load(const char *path, int64_t round, struct fl_tset *state, struct fl_err *e);
/* Publishes {old, new}: file replaced whole. old: what load gave (may be empty).
 * Sets kind and fl.round of new_. */
int fl_state_save(const char *path, int64_t round, struct fl_tset *old, struct fl_tset *new_,
                  int sync, struct fl_err *e);
/* The same into an open file, which is not published. */
int fl_state_write(struct fl_out *o, int64_t round, struct fl_tset *old, struct fl_tset *new_,
                   struct fl_err *e);
/* DIR/0007.sts, DIR/0007.safetensors: the file of a client in a folder. */
char *fl_client_path(const char *dir, int64_t client, const char *ext, struct fl_arena *a,
                     struct fl_err *e);

#endif
