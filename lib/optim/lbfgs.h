/* Minimising a smooth function of many numbers: limited-memory BFGS (Nocedal, Math.
 * Comp. 35, 1980; Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 3.5:
 * a line search for the strong Wolfe conditions). All in double. */
#ifndef FL_OPTIM_LBFGS_H
#define FL_OPTIM_LBFGS_H

#include <stddef.h>

#include "base/err.h"

struct fl_lbfgs {
	size_t n;
	int iterations;		/* at most */
	double tolerance;	/* done when the largest |gradient| is at most that */
	/* Value at x(n); writes g(n). Not finite: the step is cut. */
	double (*value)(void *ctx, const double *x, double *g);
	void *ctx;
	/* out */
	int taken;
	double f, slope;	/* value and largest |gradient| at the end */
};

/* x(n): where to begin, and the best point found. FL_ENUM where the value at the start
 * is not finite. A line search that cannot go further down ends it without an error. */
int fl_lbfgs_run(struct fl_lbfgs *o, double *x, struct fl_err *e);

#endif
