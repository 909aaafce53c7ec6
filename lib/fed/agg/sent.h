/* The models that clients were sent: one, those of a folder by client, and those of the rounds
 * before. */
#ifndef FL_FED_AGG_SENT_H
#define FL_FED_AGG_SENT_H

#include "fed/agg/history.h"
#include "model/model.h"

/* A model of a folder, as its client received it. */
struct fl_sent_own {
	struct fl_received r;
	struct fl_tset model;
	int64_t client;
};

struct fl_sent {
	/* Set by the caller, the rest zeroed. */
	const char *path;		/* a model, or a folder of models */
	const char *history;		/* folder of models of the rounds before, or NULL */
	int64_t stale;			/* how many rounds before */
	int on_demand;			/* a folder's are read as updates come; else by fl_sent_all() */

	struct fl_models models;
	struct fl_received now;		/* the one model */
	struct fl_sent_own **own;	/* (n) of a folder; of fl_sent_all() by ascending client */
	size_t n, cap;
	struct fl_history past;
	struct fl_arena a;
};

/* FL_EDATA where a model is a part of another, has no round, or running statistics that are
 * none. */
int fl_sent_open(struct fl_sent *s, int threads, struct fl_err *e);
/* Reads all of a folder, which must be of one round. */
int fl_sent_all(struct fl_sent *s, struct fl_err *e);
/* Hooks of the collector, of which ctx is a struct fl_sent: the model of an update; the tensors
 * of one of the rounds before. */
const struct fl_received *fl_sent_to(void *ctx, const struct fl_update *u, struct fl_err *e);
const struct fl_tset *fl_sent_past(void *ctx, const struct fl_received *r, struct fl_err *e);
void fl_sent_release(struct fl_sent *s);

#endif
