/* Which rows count: KEY=VALUE, KEY!=VALUE, or a comparison KEY<X, KEY<=X, KEY>X, KEY>=X of
 * numbers. Several values are separated by '|': kind=summary, round>=50, seed=1|2|3. */
#ifndef FL_TABLE_CONDITION_H
#define FL_TABLE_CONDITION_H

#include "base/mem.h"
#include "table/lines.h"

enum fl_relation { FL_IS, FL_IS_NOT, FL_BELOW, FL_AT_MOST, FL_ABOVE, FL_AT_LEAST };

struct fl_condition {
	const char *text, *key, *value;
	enum fl_relation relation;
	double number;		/* of the comparisons */
	int met;		/* by a row so far: 0 no row has the key, 1 has it, 2 meets it */
};

/* Strings are in a. FL_EUSAGE. */
int fl_condition_parse(struct fl_condition *c, const char *text, struct fl_arena *a,
                       struct fl_err *e);
/* 1: the row at hand counts, 0: not, as where it lacks the key (but for !=); -1: FL_EDATA
 * where a number is asked and there is none. Equal numbers are equal however written. */
int fl_condition_holds(struct fl_condition *c, const struct fl_lines *l, struct fl_err *e);

#endif
