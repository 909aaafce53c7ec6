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
/* begin() of such metrics: a struct fl_sets in c's room. FL_EDATA where the model makes no
 * sets. */
int fl_sets_begin(const void *p, struct fl_metric_ctx *c, struct fl_err *e);
void fl_sets_score(struct fl_sets *t, const float *z, size_t example);

#endif
