/* Clients' models at the server: records of kind model as they are, updates on what they are
 * of. Architectures may differ; members of one architecture share its net. */
#ifndef FL_FED_DISTILL_MEMBER_H
#define FL_FED_DISTILL_MEMBER_H

#include "fed/fed.h"
#include "model/model.h"
#include "nn/net.h"

struct fl_member {
	int64_t client;
	double examples;		/* that it trained on; 1 where a model does not say */
	int update;			/* it was one; else a model */
	int64_t round;			/* of the record */
	const struct fl_net *net;
	fl_real *w;			/* (P) what the client ended with */
	struct fl_tset rec;		/* its metadata and extra tensors, no others */
};

struct fl_members {
	const struct fl_models *base;	/* what updates are of */
	struct fl_member *v;		/* (n) */
	size_t n, cap;
	struct fl_net **net;		/* (nnet) of the architectures */
	const char **arch;		/* (nnet) their fl.arch */
	size_t nnet, netcap, archcap;
	struct fl_arena arena;
};

/* One more: a record of kind update or model. FL_EDATA where an update is not of the base's
 * next round, or not of the base. */
int fl_members_add(struct fl_members *m, const struct fl_tset *rec, enum fl_kind kind,
                   struct fl_err *e);
/* When all are there: by ascending client. FL_EDATA where one is there twice, or updates are
 * of different rounds. */
int fl_members_sort(struct fl_members *m, struct fl_err *e);
/* The round of the updates, or -1 where none is one. */
int64_t fl_members_round(const struct fl_members *m);
void fl_members_release(struct fl_members *m);

#endif
