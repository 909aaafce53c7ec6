/* Conformal sets of classes. */
#include "metric/sets.h"

/* Examples are numbered apart from those the quantile was found on, so that none shares
 * a draw with them. */
#define EVALUATED ((uint64_t)1 << 63)

int fl_sets_begin(const void *p, struct fl_metric_ctx *c, struct fl_err *e)
{
	struct fl_sets *t = fl_arena_zero(c->arena, 1, sizeof *t, e);

	(void)p;
	if (!t)
		return -1;
	c->room = t;
	t->C = c->C;
	if (!(t->p = fl_conformal_of(c->net, c->w, &t->q)))
		return fl_fail(e, FL_EDATA, "the model has no layer 'conformal', which makes sets of classes");
	t->score = fl_arena_get(c->arena, t->C, sizeof *t->score, e);
	t->order = fl_arena_get(c->arena, t->C, sizeof *t->order, e);
	return t->score && t->order ? 0 : -1;
}

void fl_sets_score(struct fl_sets *t, const float *z, size_t example)
{
	fl_conformal_scores(t->p, z, fl_conformal_u(t->p, 0, EVALUATED + example), t->score, t->order,
	                    t->C);
}
