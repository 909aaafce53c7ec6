/* Top-k accuracy: the share of examples whose label is among the k largest logits. Of equal
 * logits that of the lowest class counts as larger, as in accuracy, which is k = 1. */
#include "metric/metric.h"

struct params {
	int64_t k;
	const char *tap;
};

static const struct fl_param table[] = {
	{ "k", FL_P_INT, offsetof(struct params, k), "5", 1, 1e6, NULL, "n",
	  "how many of the largest logits count" },
	FL_METRIC_TAP(struct params),
	{ 0 }
};

static const char *tap(const void *p)
{
	return ((const struct params *)p)->tap;
}

/* Classes before y in z(C); C where a logit is not a number. */
static size_t place_of(const float *z, size_t y, size_t C)
{
	size_t place = 0;

	if (fl_argmax(z, C) == C)
		return C;
	for (size_t c = 0; c < C; c++)
		place += z[c] > z[y] || (c < y && z[c] >= z[y]);
	return place;
}

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	size_t k = (size_t)((const struct params *)p)->k, hits = 0;

	(void)e;
	for (size_t i = 0; i < b->B; i++) {
		size_t place = place_of(b->z + i * c->C, (size_t)b->y[i], c->C);

		hits += place < k && place < c->C;
	}
	c->sum += (double)hits;
	return 0;
}

const struct fl_metric fl_metric_top = {
	.e = {
		.name = "top",
		.title = "Top-k accuracy",
		.cite = "fl-metrics(5)",
		.doc = "share of examples whose label is among the k largest logits",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "(1/n) sum_i [ z_i,y_i is among the k largest of z_i ]",
	},
	.higher_is_better = 1,
	.needs = FL_METRIC_LOGITS,
	.tap = tap,
	.batch = batch,
};
