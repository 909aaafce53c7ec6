/* Models on the data of many clients: which model a client is measured with, and room for as
 * many at a time as there are threads. */
#ifndef FL_EVAL_EVAL_H
#define FL_EVAL_EVAL_H

#include "data/names.h"
#include "eval/report.h"

struct fl_eval_how {
	const struct fl_panel *panel;
	const char *model;		/* a file, "-", or a folder of clients' own models */
	const char *first;		/* the model that FL_METRIC_FIRST asks for; NULL: none does */
	const char *state;		/* folder of clients' state, whose private tensors replace the
					 * model's; NULL: none */
	struct fl_accord *accord;	/* gets the names of classes of all models */
	int threads;
};

struct fl_eval;		/* opaque */

/* Reads the models. what how points to must outlive *ev. FL_EUSAGE for state with a folder of
 * models. */
int fl_eval_open(struct fl_eval **ev, const struct fl_eval_how *how, struct fl_err *e);
void fl_eval_close(struct fl_eval *ev);
/* Names of the classes of the one model; NULL where it has none, or each client its own. */
const struct fl_names *fl_eval_names(const struct fl_eval *ev);
/* Measures one client, on a thread below how.threads: one call a thread at a time. out is as
 * fl_measured_release() leaves it. FL_EDATA for data of no client where it should have
 * something of its own. */
int fl_eval_measure(struct fl_eval *ev, const struct fl_data *d, int thread,
                    struct fl_measured *out, struct fl_err *e);

#endif
