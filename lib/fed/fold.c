/* What folds share. */
#include "fed/fold.h"

#include <math.h>

int fl_fold_mean(const void *p, const double s[FL_FOLD_SCALARS], double *scale, struct fl_err *e)
{
	(void)p;
	if (!(s[0] > 0) || !isfinite(1 / s[0]))
		return fl_fail(e, FL_ENUM, "the sum of weights is %g", s[0]);
	*scale = 1 / s[0];
	return 0;
}
