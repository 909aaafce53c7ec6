/* One call of a method: reads what it wants, each record checked, trains, and gives the records
 * that it makes. Their kinds are set; provenance and where they go are the caller's. */
#ifndef FL_FED_DISTILL_CALL_H
#define FL_FED_DISTILL_CALL_H

#include "data/names.h"
#include "fed/distill/distill.h"

/* As a user has it. */
struct fl_distill_how {
	struct fl_spec method;
	const char *model, *base, *data;	/* paths, a source; base, data NULL: none */
	const struct fl_data_how *read;		/* how data are read */
	const struct fl_strs *with;
	struct fl_inputs operands;		/* clients' records, or statistics */
	int to_stdout;				/* what is made cannot be a folder */
	struct fl_lesson lesson;		/* epochs FL_UNSET: the method's own; round: not yet */
	int threads;
};

struct fl_distill_call {
	struct fl_distill_how how;
	const struct fl_distill *method;
	const char *who;		/* "method feddf" */
	struct fl_models models, base;	/* of how.model and how.base */
	struct fl_with with;
	struct fl_accord accord;	/* of models, statistics, updates, and of labelled data */
	struct fl_members members;
	struct fl_net net;		/* of the model, unless that is a folder */
	struct fl_data data;
	int has_net, has_data;
	struct fl_distill_run r;	/* out: made(nmade) */
	struct fl_arena arena;
};

/* FL_EUSAGE where the method wants something else than it is given, with what that is.
 * Release c, whatever comes of it. */
int fl_distill_call(struct fl_distill_call *c, const struct fl_distill_how *how, struct fl_err *e);
/* Whether what it made are models of clients, a file each. */
int fl_distill_many(const struct fl_distill_call *c);
void fl_distill_release(struct fl_distill_call *c);

#endif
