/* The parameter of metrics that look at the first k places. */
#ifndef FL_METRIC_TOPK_H
#define FL_METRIC_TOPK_H

#include "metric/rank.h"

struct fl_topk {
	int64_t k;
};
extern const struct fl_param fl_topk_params[];
size_t fl_topk_depth(const void *p, size_t R);
/* How many of place(R), ascending, are below k. */
size_t fl_topk_found(const uint32_t *place, size_t R, size_t k);
/* R-precision of a query, the share of place(R) that is below R, and its depth. */
double fl_topk_precision(const void *p, const uint32_t *place, size_t R);
size_t fl_topk_all(const void *p, size_t R);

#endif
