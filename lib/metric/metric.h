/* Metrics of a classifier on one client's examples, and statistics over clients. */
#ifndef FL_METRIC_METRIC_H
#define FL_METRIC_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "nn/net.h"

/* The parameter of metrics that may measure a tap of the net in place of its outputs. */
struct fl_tapped {
	const char *tap;	/* NULL: the outputs */
};
extern const struct fl_param fl_metric_tap[];

struct fl_metric {
	struct fl_entry e;
	int higher_is_better;
	int of_model;		/* the model's own loss: none of the four */
	int ratio;		/* with of_model: over that of a first model */
	/* One of the four. Adds a batch to the client's sum: z(B,C) logits, lse(B)
	 * log-sum-exp, y(B). The client's value is the sum over n examples. */
	double (*batch)(const void *p, const float *z, const float *lse, const int32_t *y,
	                size_t B, size_t C);
	/* The same of what the model says beside its logits; first: number of y[0] in the
	 * client's data. fits: FL_EDATA for a model that does not say it. */
	int (*fits)(const struct fl_net *net, struct fl_err *e);
	double (*model)(const struct fl_net *net, const fl_real *w, const float *z, const int32_t *y,
	                size_t first, size_t B);
	/* The same of what the model says of inputs that it changes: k, for FL_WORK_INPUT,
	 * holds the batch's and its targets; dw(P) is room. */
	double (*inputs)(const void *p, const struct fl_net *net, struct fl_work *k,
	                 const fl_real *w, fl_real *dw, const int32_t *y, size_t first, size_t B);
	/* The value of counts n(C,C+1) of one client, or of all, at least one not 0. */
	double (*counts)(const void *p, const uint64_t *n, size_t C);
};

/* The class of the largest of z(C), the lowest of equals; C where one is NaN. */
size_t fl_argmax(const float *z, size_t C);

/* Which class was taken for which: n[c(C+1) + d] examples of class c for class d,
 * d = C: for none. Counts, so the order in which they are added does not show. */
int fl_confusion_cells(size_t C, size_t *cells);	/* C(C+1); -1: too large a number */
void fl_confusion_add(uint64_t *n, const float *z, const int32_t *y, size_t B, size_t C);
/* Of class c: n its examples, taken those taken for it, hits both. */
struct fl_class {
	uint64_t n, taken, hits;
	double recall, precision, f1;	/* NAN where nothing could be divided by */
};
struct fl_class fl_confusion_class(const uint64_t *n, size_t C, size_t c);

/* Over clients, fields of fl-metrics(5). With values v_k of K clients:
 *   weighted  sum n_k v_k / sum n_k
 *   var       (1/K) sum (v_k - mean)^2, the population's; std its root
 *   worstP    mean over the max(1, floor(P K / 100)) worst clients; best10 likewise.
 *             Worst are the smallest values where larger is better, else the largest
 *   jain      (sum v)^2 / (K sum v^2), in [1/K,1], 1: all equal
 *   gini      sum_j sum_k |v_j - v_k| / (2 K sum v), in [0,1), 0: all equal
 *   entropy   -sum p ln p with p = v / sum v, in nats, ln K: all equal
 *   cos       sum v / (sqrt(K) |v|), cosine of the angle to all equal; its square is jain
 * The last four are NAN where a value is below 0 or all are 0; everything is NAN
 * where a value is not finite. */
struct fl_spread {
	double weighted, mean, var, std, min, max, worst10, worst20, worst30, best10;
	double jain, gini, entropy, cos;
};
/* v(K) values, n(K) > 0 examples; higher: larger is better. K >= 1. Does not
 * depend on the order of clients, except for the last bits of weighted. */
int fl_spread(const double *v, const double *n, size_t K, int higher, struct fl_spread *out,
              struct fl_err *e);

extern const struct fl_entry *const fl_metric_list[];
extern const struct fl_family fl_family_metric;

#endif
