/* Conformal sets of classes, for metrics of them. */
#ifndef FL_METRIC_SETS_H
#define FL_METRIC_SETS_H

#include <math.h>

#include "metric/metric.h"
#include "nn/conformal.h"

struct fl_sets {
	const struct fl_conformal *p;
	size_t C;
	double q;
	double *score;		/* (C) of the example at hand; those up to q are in its set */
	uint32_t *order;
};
int fl_sets_fit(const struct fl_net *net, struct fl_err *e);
/* -1: no memory. */
int fl_sets_init(struct fl_sets *t, const struct fl_net *net, const fl_real *w);
void fl_sets_score(struct fl_sets *t, const float *z, size_t example);
void fl_sets_release(struct fl_sets *t);

#endif
