/* The data of clients, as a tool's operands bring them: one record after the other, each
 * client once. */
#ifndef FL_FED_ARRIVALS_H
#define FL_FED_ARRIVALS_H

#include "data/data.h"
#include "data/names.h"

/* Numbers of clients that were there; all zero is none. */
struct fl_ids {
	int64_t *id;		/* (n) ascending, owned */
	size_t n, cap;
};
/* FL_EDATA for a client that was there before; one without a number, -1, always may be. */
int fl_ids_add(struct fl_ids *s, int64_t client, struct fl_err *e);
void fl_ids_release(struct fl_ids *s);

/* Zero-initialise, set the members above seen. */
struct fl_arrivals {
	struct fl_inputs in;		/* as in tensor/stream.h; keep is set here */
	int ahead;			/* several are in memory: a record outlives the next read */
	int numbered;			/* a client must have a number */
	struct fl_accord *accord;	/* gets what they call classes; NULL: that does not matter */
	struct fl_ids seen;
};

/* A client that was read, and is not looked at yet. All zero is none. */
struct fl_arrival {
	struct fl_tset rec;
	char *name, *dir;		/* of the input: for messages; for what rec refers to */
};
/* 1 and the next client, 0: there is none, -1. One call at a time; the client lives until
 * clients are released or, unless they are ahead, the next call. */
int fl_arrivals_next(struct fl_arrivals *c, struct fl_arrival *k, struct fl_err *e);
/* Its data, checked, into d; k is released. As costly as reading: for any thread. */
int fl_arrival_data(struct fl_arrival *k, struct fl_data *d, struct fl_err *e);
void fl_arrival_release(struct fl_arrival *k);
void fl_arrivals_release(struct fl_arrivals *c);

#endif
