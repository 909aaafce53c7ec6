/* What is dealt out as a whole: an example, a natural group of one class (a
 * compound), or a block of consecutive examples of a class in its stead. */
#ifndef FL_PART_UNITS_H
#define FL_PART_UNITS_H

#include "part/part.h"

struct fl_unit_params {
	int unit;
	int64_t block;
};

extern const char *const fl_unit_name[];
#define FL_PARAMS_UNIT(S, m) \
	{ "unit", FL_P_ENUM, offsetof(S, m.unit), "example", 0, 0, fl_unit_name, "what", \
	  "what is never split: an example, a group of the data, a block" }, \
	{ "block", FL_P_INT, offsetof(S, m.block), "30", 1, 4e9, NULL, "n", \
	  "unit=block: so many consecutive examples of a class" }

struct fl_units {
	size_t U;
	uint32_t *of;		/* (N) unit of an example; those of a class are consecutive */
	size_t *start;		/* (C+1) units of class c begin at start[c] */
	uint32_t *order;	/* (U) units, shuffled within a class */
	uint32_t *owner;	/* (U) for the scheme to fill */
};

/* FL_EDATA where a group holds two classes. */
int fl_units_make(const struct fl_part *s, const struct fl_unit_params *p, const char *scheme,
                  struct fl_units *u, struct fl_err *e);
/* Deals the units of class c by weights w(K) that sum to 1: client k gets
 * n w_k of n on average, rounded down or up. */
void fl_units_deal(const struct fl_part *s, struct fl_units *u, size_t c, const double *w);
/* Owners of units to owners of examples, with the check for empty clients. */
int fl_units_done(struct fl_part *s, const struct fl_units *u, const char *scheme,
                  struct fl_err *e);

#endif
