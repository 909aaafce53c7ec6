/* The family of servers that train. */
#include "fed/distill/distill.h"

const struct fl_family fl_family_distill = {
	.name = "distill",
	.list = fl_distill_list,
	.doc = "what a server trains that has more than updates",
	.noun = "method of distilling",
};

struct fl_tset *fl_distill_add(struct fl_distill_run *r, struct fl_err *e)
{
	struct fl_tset *s;

	if (fl_grow(&r->made, &r->cap, r->nmade + 1, sizeof *r->made, e))
		return NULL;
	s = &r->made[r->nmade++];
	*s = (struct fl_tset){ .t = NULL };
	return s;
}
