/* Metrics of a classifier on one client's examples, and statistics over clients. */
#ifndef FL_METRIC_METRIC_H
#define FL_METRIC_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/spec.h"

struct fl_metric {
	struct fl_entry e;
	int higher_is_better;
	/* Adds a batch to the client's sum: z(B,C) logits, lse(B) log-sum-exp,
	 * y(B). The client's value is the sum over n examples. */
	double (*batch)(const void *p, const float *z, const float *lse, const int32_t *y,
	                size_t B, size_t C);
};

/* Over clients: fields of fl-metrics(5). worst10 etc. are means over
 * max(1, floor(p*K)) clients; variance is the population's. */
struct fl_spread {
	double weighted, mean, var, std, min, worst10, worst20, worst30, best10;
	double jain, gini, entropy, cos;
};
/* v(K) values, n(K) examples; higher: larger is better. K >= 1. */
int fl_spread(const double *v, const double *n, size_t K, int higher, struct fl_spread *out,
              struct fl_err *e);

extern const struct fl_entry *const fl_metric_list[];
extern const struct fl_family fl_family_metric;

#endif
