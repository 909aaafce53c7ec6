/* Quantile of the examples' cross-entropy: how bad it is for the worst share of them. */
#include <math.h>
#include <stdlib.h>

#include "metric/bag.h"
#include "metric/metric.h"
#include "metric/uncertainty.h"

struct params {
	double q;
	const char *tap;
};

static const struct fl_param table[] = {
	{ "q", FL_P_REAL, offsetof(struct params, q), "0.9", 0, 1, NULL, "q",
	  "which quantile; 0.5 is the median" },
	FL_METRIC_TAP(struct params),
	{ 0 }
};

static const char *tap(const void *p)
{
	return ((const struct params *)p)->tap;
}

/* The room is a bag of cross-entropies. */
static int begin(const void *p, struct fl_metric_ctx *c, struct fl_err *e)
{
	struct fl_bag *bag = c->room = fl_arena_zero(c->arena, 1, sizeof *bag, e);

	(void)p;
	if (!bag)
		return -1;
	bag->size = sizeof(double);
	return 0;
}

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	double *v = fl_bag_more(c->room, b->B, c->arena, e);

	(void)p;
	for (size_t i = 0; v && i < b->B; i++)
		v[i] = (double)b->lse[i] - (double)b->z[i * c->C + (size_t)b->y[i]];
	return v ? 0 : -1;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int end(const void *p, struct fl_metric_ctx *c, double *v, struct fl_err *e)
{
	const struct fl_bag *bag = c->room;
	double *all = fl_alloc(bag->n, sizeof *all, e), any = 0;

	if (!all)
		return -1;
	fl_bag_copy(bag, all);
	for (size_t i = 0; i < bag->n; i++)
		any += all[i];
	if (isfinite(any))
		qsort(all, bag->n, sizeof *all, ascending);
	*v = isfinite(any) ? fl_quantile(all, bag->n, ((const struct params *)p)->q) : NAN;
	free(all);
	return 0;
}

static int pool(const void *p, struct fl_metric_ctx *c, const struct fl_metric_ctx *from,
                struct fl_err *e)
{
	(void)p;
	return fl_bag_pool(c->room, from->room, c->arena, e);
}

const struct fl_metric fl_metric_quantile = {
	.e = {
		.name = "quantile",
		.title = "Quantile of the loss",
		.cite = "fl-metrics(5); NumPy's quantile, linear",
		.doc = "quantile of the examples' cross-entropy, in nats",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "quantile q of log sum_c exp z_ic - z_i,y_i over i",
	},
	.needs = FL_METRIC_LOGITS | FL_METRIC_LSE,
	.tap = tap,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = pool,
};
