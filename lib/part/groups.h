/* Distinct natural ids. */
#ifndef FL_PART_GROUPS_H
#define FL_PART_GROUPS_H

#include "part/part.h"

struct fl_groups {
	size_t U;		/* distinct ids */
	uint32_t *of;		/* (N) rank of the example's id, ids ascending; in s->arena */
	const int64_t *id;	/* (U) */
};

/* FL_EDATA where the data have no ids. */
int fl_groups_find(const struct fl_part *s, const char *scheme, struct fl_groups *g,
                   struct fl_err *e);

#endif
