/* What clients measure beside training: numbers of the update's metadata (fed.h), and
 * tensors "@fact/NAME" of any type, which nobody adds up. */
#ifndef FL_FED_FACT_H
#define FL_FED_FACT_H

#include "base/str.h"
#include "tensor/tset.h"

#define FL_FACT "@fact/"

/* A fact that a rule reads; fl-local-train --measure NAME makes it. A list of these ends
 * with one whose name is NULL. */
struct fl_fact {
	const char *name;
	enum fl_dtype dtype;
	unsigned ndim;
	int optional;		/* the rule does without, too */
};

int fl_fact_is(const char *tensor);	/* "@fact/NAME" */
/* The fact of an update, or NULL. */
const struct fl_tensor *fl_fact_of(const struct fl_tset *update, const char *name);
/* That what the list wants is there, of its type and finite. who: "rule feddisco".
 * FL_EDATA "@fact/counts is missing; rule feddisco needs it: fl-local-train --measure
 * counts". list may be NULL. */
int fl_fact_check(const struct fl_tset *update, const struct fl_fact *list, const char *who,
                  struct fl_err *e);
/* Appends the names that are not optional, each after a comma where out is not empty. */
void fl_fact_print(const struct fl_fact *list, struct fl_str *out);

#endif
