/* One step of a server optimiser: combined update and state in, model and state
 * out. */
#ifndef FL_FED_SERVER_STEP_H
#define FL_FED_SERVER_STEP_H

#include "fed/combined.h"
#include "fed/server/server.h"

struct fl_step {
	const struct fl_server *server;
	const void *p;
	const struct fl_combined *u;
	const struct fl_tset *model;	/* F32 tensors that u names; extras may be absent */
	const struct fl_tset *old;	/* state before; empty: none */
	int threads;
};

/* Fills next, which begins empty, with the model's metadata and tensors (those
 * that u leaves alone are views of the model's), and adds the server's to state.
 * r: round, K and s set. FL_ENUM where a value becomes non-finite. */
int fl_server_step(const struct fl_step *s, struct fl_server_round *r, struct fl_tset *next,
                   struct fl_tset *state, struct fl_err *e);

#endif
