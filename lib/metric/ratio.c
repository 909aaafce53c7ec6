/* Loss ratio: a client's loss over that of a first model, AdaFedAdam's I_k. */
#include <math.h>

#include "metric/metric.h"

static int begin(const void *p, struct fl_metric_ctx *c, struct fl_err *e)
{
	(void)p;
	c->room = fl_arena_zero(c->arena, 1, sizeof(double), e);
	return c->room ? 0 : -1;
}

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	double *first = c->room;

	(void)p;
	(void)e;
	c->sum += (double)b->B * b->loss;
	*first += (double)b->B * b->first_loss;
	return 0;
}

/* A first loss of 0 has no ratio. */
static int end(const void *p, struct fl_metric_ctx *c, double *v, struct fl_err *e)
{
	const double *first = c->room;

	(void)p;
	(void)e;
	*v = *first > 0 ? c->sum / *first : NAN;
	return 0;
}

const struct fl_metric fl_metric_ratio = {
	.e = {
		.name = "ratio",
		.title = "Loss ratio",
		.cite = "Ju et al., IEEE TMLCN 2024, arXiv 2301.09357",
		.doc = "the loss over that of the model of --with, on the same examples",
		.formula = "I_k = F_k(w) / F_k(w of --with)",
	},
	.needs = FL_METRIC_LOSS | FL_METRIC_FIRST,
	.begin = begin,
	.batch = batch,
	.end = end,
};
