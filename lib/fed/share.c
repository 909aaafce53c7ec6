/* What clients count, and what a mean is divided by. */
#include "fed/share.h"

#include <math.h>

const char *const fl_share_name[] = { "examples", "uniform", NULL };

double fl_share_of(int share, const struct fl_update *u)
{
	return share == FL_BY_UNIFORM ? 1 : (double)u->examples;
}

int fl_mean_finish(const void *pp, const double s[FL_FOLD_SCALARS], double *scale,
                   struct fl_err *e)
{
	const struct fl_mean_params *p = pp;

	(void)e;
	*scale = 1 / (isnan(p->denominator) ? s[0] : p->denominator);
	return 0;
}
