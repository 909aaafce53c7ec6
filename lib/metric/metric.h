/* Metrics of a classifier on one client's examples, and statistics over clients. */
#ifndef FL_METRIC_METRIC_H
#define FL_METRIC_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "nn/net.h"

/* What a metric wants of a batch beside its labels. */
enum {
	FL_METRIC_LOGITS = 1,	/* z: the model tells classes apart */
	FL_METRIC_LSE = 2,	/* with LOGITS: lse */
	FL_METRIC_LOSS = 4,	/* loss */
	FL_METRIC_FIRST = 8,	/* first_loss: there is a first model, of --with */
	FL_METRIC_COUNTS = 16,	/* with LOGITS: counts in end(), which is what clients' pool */
	FL_METRIC_INPUTS = 32,	/* work and dw, to change inputs as it likes */
	FL_METRIC_GROUPS = 64	/* group: the data say which natural group examples are of */
};

/* Examples [first, first + B) of a client, in stored order. */
struct fl_metric_batch {
	size_t first, B;
	const int32_t *y;		/* (B) classes, below C */
	const float *z;			/* (B,C) logits, or the numbers of a tap */
	const float *lse;		/* (B) log-sum-exp of z */
	const int64_t *group;		/* (B) */
	double loss, first_loss;	/* the model's own mean loss, or the tap's; the first model's */
	struct fl_work *work;		/* made for FL_WORK_INPUT, the batch and its targets in it */
	fl_real *dw;			/* (P) room */
};

/* A metric at work on one client. */
struct fl_metric_ctx {
	size_t C;			/* classes */
	size_t n;			/* the client's examples; of all, in end() after pool() */
	const struct fl_net *net;	/* the model and its weights (P); NULL after pool() */
	const fl_real *w;
	const uint64_t *counts;		/* (C,C+1) as below; NULL before end() */
	/* What a group is called, or NULL, by what the client's data are. */
	const char *(*called)(const void *data, int64_t group);
	const void *data;
	double sum;			/* 0 at first; without end(), the value is sum / n */
	void *room;			/* the metric's own, in arena */
	struct fl_arena *arena;
};

/* One file each. begin() for a client, batch() for all its examples, end(); any but one of
 * batch() and end() may be NULL. Whatever depends on the order of clients, or on which comes
 * first, has no place in a room that is pooled. */
struct fl_metric {
	struct fl_entry e;
	int higher_is_better;
	unsigned needs;			/* FL_METRIC_* */
	const char *(*tap)(const void *p);	/* the tap it measures, or NULL; NULL: outputs alone */
	/* FL_EDATA for a model or data that it cannot measure. */
	int (*begin)(const void *p, struct fl_metric_ctx *c, struct fl_err *e);
	int (*batch)(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
	             struct fl_err *e);
	/* 0 and *v; 1: these examples do not say it. May be called again after pool(). */
	int (*end)(const void *p, struct fl_metric_ctx *c, double *v, struct fl_err *e);
	/* Takes what is in from's room, another client's after its end(), into c's, so that
	 * end() is that of the examples of both. NULL, and no counts either: the value of all
	 * is the mean by examples. */
	int (*pool)(const void *p, struct fl_metric_ctx *c, const struct fl_metric_ctx *from,
	            struct fl_err *e);
};

/* The parameter of metrics that may measure a tap of the net in place of its outputs, in a
 * block that has a member `const char *tap`. */
#define FL_METRIC_TAP(type) { "tap", FL_P_STR, offsetof(type, tap), NULL, 0, 0, NULL, "name", \
	"what a tap of the net says; unset: its outputs" }
/* A block of that alone. */
struct fl_tapped {
	const char *tap;	/* NULL: the outputs */
};
extern const struct fl_param fl_metric_tap[];
const char *fl_tapped_name(const void *p);

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
