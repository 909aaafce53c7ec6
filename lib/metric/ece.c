/* Expected calibration error: confidence against the share that is right, by bins of the
 * confidence, the largest probability of an example's softmax. */
#include <math.h>

#include "metric/calibration.h"
#include "metric/metric.h"

struct params {
	const char *tap;
	int64_t bins;
};

static const struct fl_param table[] = {
	FL_METRIC_TAP(struct params),
	{ "bins", FL_P_INT, offsetof(struct params, bins), "15", 1, 1e6, NULL, "n",
	  "bins (lo,hi] of equal width" },
	{ 0 }
};

/* Confidences are added up exactly, in units of 2^-62 in two halves, so that the sum does
 * not depend on the order in which clients come. */
#define HALF 31
struct bin {
	uint64_t n, right, high, low;
};

struct room {
	struct bin *bin;	/* (bins) */
	int lost;		/* an example has no confidence: a logit is not finite */
};

static const char *tap(const void *p)
{
	return ((const struct params *)p)->tap;
}

static int begin(const void *p, struct fl_metric_ctx *c, struct fl_err *e)
{
	size_t bins = (size_t)((const struct params *)p)->bins;
	struct room *r = c->room = fl_arena_zero(c->arena, 1, sizeof *r, e);

	return r && (r->bin = fl_arena_zero(c->arena, bins, sizeof *r->bin, e)) ? 0 : -1;
}

static void add_guess(struct room *r, size_t bins, double conf, int right)
{
	struct bin *b = &r->bin[fl_calibration_bin(conf, bins)];
	uint64_t units = (uint64_t)ldexp(conf, 2 * HALF);

	b->n++;
	b->right += (uint64_t)right;
	b->high += units >> HALF;
	b->low += units & (((uint64_t)1 << HALF) - 1);
}

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	size_t bins = (size_t)((const struct params *)p)->bins;
	struct room *r = c->room;

	(void)e;
	for (size_t i = 0; i < b->B; i++) {
		const float *z = b->z + i * c->C;
		struct fl_forecast f = { .conf = NAN };

		if (fl_argmax(z, c->C) < c->C)
			fl_forecast(z, c->C, (size_t)b->y[i], 1, &f);
		if (f.conf >= 0)
			add_guess(r, bins, f.conf, f.top == (size_t)b->y[i]);
		else
			r->lost = 1;
	}
	return 0;
}

static int end(const void *p, struct fl_metric_ctx *c, double *v, struct fl_err *e)
{
	size_t bins = (size_t)((const struct params *)p)->bins;
	const struct room *r = c->room;
	double sum = 0;

	(void)e;
	for (size_t i = 0; i < bins; i++) {
		const struct bin *b = &r->bin[i];

		sum += fabs((double)b->right - ldexp((double)b->high, -HALF) -
		            ldexp((double)b->low, -2 * HALF));
	}
	*v = r->lost ? NAN : sum / (double)c->n;
	return 0;
}

static int pool(const void *p, struct fl_metric_ctx *c, const struct fl_metric_ctx *from,
                struct fl_err *e)
{
	size_t bins = (size_t)((const struct params *)p)->bins;
	struct room *r = c->room;
	const struct room *other = from->room;

	(void)e;
	for (size_t i = 0; i < bins; i++) {
		r->bin[i].right += other->bin[i].right;
		r->bin[i].high += other->bin[i].high;
		r->bin[i].low += other->bin[i].low;
	}
	r->lost |= other->lost;
	return 0;
}

const struct fl_metric fl_metric_ece = {
	.e = {
		.name = "ece",
		.title = "Expected calibration error",
		.cite = "Guo et al., ICML 2017, arXiv 1706.04599",
		.doc = "confidence less the share that is right, over bins of the confidence",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "sum_b (n_b/n) |share right in b - mean max_c softmax(z)_c in b|",
	},
	.needs = FL_METRIC_LOGITS,
	.tap = tap,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = pool,
};
