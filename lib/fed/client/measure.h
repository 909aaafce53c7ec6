/* What a client measures beside training: numbers and tensors of its update that rules,
 * servers and methods ask for (fl-local-train --measure). */
#ifndef FL_FED_CLIENT_MEASURE_H
#define FL_FED_CLIENT_MEASURE_H

#include "fed/client/client.h"
#include "fed/fact.h"

struct fl_measure {
	struct fl_entry e;
	unsigned need;		/* the FL_NEED_* whose number in l->facts it sets; 0: it adds the
				 * tensor "@fact/NAME" to the update */
	int after;		/* of the trained weights l->w; else before training, of l->w0 */
	/* p NULL: a method needs it and nobody said how, the defaults. */
	int (*run)(const void *p, struct fl_local *l, struct fl_tset *update, struct fl_err *e);
};

extern const struct fl_entry *const fl_measure_list[];
extern const struct fl_family fl_family_measure;

/* The parameter of losses: how many examples are drawn for it. */
struct fl_sample {
	int64_t n;
};
extern const struct fl_param fl_sample_params[];
int64_t fl_sample_of(const void *p);	/* 0: all; p may be NULL */

/* Adds the tensor @fact/NAME, zero; NULL where that fails. */
struct fl_tensor *fl_fact_add(struct fl_tset *update, const char *name, enum fl_dtype dtype,
                              unsigned ndim, const size_t *dim, struct fl_err *e);
/* Measures what is asked for: by the user (cfg->measure), or by the FL_NEED_* of methods. */
int fl_measure_run(struct fl_local *l, unsigned needs, int after, struct fl_tset *update,
                   struct fl_err *e);

#endif
