/* What each client does in a round, where they do not do the same: a text with a line
 *   CLIENT STEPS [METHOD]
 * each. STEPS is a number of local steps, or - for the run's own; METHOD is a method or a list
 * of them as -M takes it, and the run's own where it is not there. '#' begins a comment. Clients
 * without a line do what the run does. */
#ifndef FL_FED_CLIENT_PLAN_H
#define FL_FED_CLIENT_PLAN_H

#include "fed/client/client.h"

struct fl_plan_line {
	int64_t client;
	int64_t steps;			/* FL_UNSET: the run's */
	struct fl_spec *method;		/* (nmethod) sorted; nmethod 0: the run's */
	size_t nmethod;
};
/* All zero is none. */
struct fl_plan {
	struct fl_plan_line *line;	/* (n) by ascending client */
	size_t n;
	struct fl_arena arena;
};

/* FL_EDATA with file and line. */
int fl_plan_read(struct fl_plan *p, const char *path, struct fl_err *e);
void fl_plan_release(struct fl_plan *p);
/* t: the run's, and then the client's. */
void fl_plan_apply(const struct fl_plan *p, int64_t client, struct fl_train *t);
/* The run with every method that it or a line of the plan names, each once: what all of them
 * together want. out->method is in the plan's arena. */
int fl_plan_methods(struct fl_plan *p, const struct fl_train *run, struct fl_train *out,
                    struct fl_err *e);
/* Who of the run and the plan keeps state, as fl_local_keeps(). */
const char *fl_plan_keeps(const struct fl_plan *p, const struct fl_train *run);

#endif
