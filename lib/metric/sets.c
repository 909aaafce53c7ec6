/* Conformal sets of classes. */
#include "metric/sets.h"

#include <stdlib.h>

/* Examples are numbered apart from those the quantile was found on, so that none shares
 * a draw with them. */
#define EVALUATED ((uint64_t)1 << 63)

int fl_sets_fit(const struct fl_net *net, struct fl_err *e)
{
	double q;

	return fl_conformal_of(net, NULL, &q) ? 0 :
	       fl_fail(e, FL_EDATA, "the model has no layer 'conformal', which makes sets of classes");
}

int fl_sets_init(struct fl_sets *t, const struct fl_net *net, const fl_real *w)
{
	*t = (struct fl_sets){ .C = net->classes };
	t->p = fl_conformal_of(net, w, &t->q);
	t->score = fl_alloc(t->C, sizeof *t->score, NULL);
	t->order = fl_alloc(t->C, sizeof *t->order, NULL);
	if (t->score && t->order)
		return 0;
	fl_sets_release(t);
	return -1;
}

void fl_sets_score(struct fl_sets *t, const float *z, size_t example)
{
	fl_conformal_scores(t->p, z, fl_conformal_u(t->p, 0, EVALUATED + example), t->score, t->order,
	                    t->C);
}

void fl_sets_release(struct fl_sets *t)
{
	free(t->score);
	free(t->order);
	*t = (struct fl_sets){ .p = NULL };
}
