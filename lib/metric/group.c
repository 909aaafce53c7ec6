/* Accuracy on the examples of one natural group of the data. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "metric/metric.h"

struct params {
	const char *of, *tap;
};

static const struct fl_param table[] = {
	{ "of", FL_P_STR, offsetof(struct params, of), NULL, 0, 0, NULL, "group",
	  "the group: its number, or what the data call it" },
	FL_METRIC_TAP(struct params),
	{ 0 }
};

struct room {
	uint64_t n, hits;
	int64_t last;		/* the group that was looked up last, */
	int any, match;		/* whether there was one, and whether it is the one wanted */
};

static const char *tap(const void *p)
{
	return ((const struct params *)p)->tap;
}

static int begin(const void *p, struct fl_metric_ctx *c, struct fl_err *e)
{
	if (!((const struct params *)p)->of)
		return fl_fail(e, FL_EUSAGE, "which group? group@3, or group@NAME");
	c->room = fl_arena_zero(c->arena, 1, sizeof(struct room), e);
	return c->room ? 0 : -1;
}

static int is_wanted(const struct params *p, const struct fl_metric_ctx *c, int64_t group)
{
	struct room *r = c->room;
	char number[32];
	const char *name;

	if (!r->any || r->last != group) {
		snprintf(number, sizeof number, "%" PRId64, group);
		name = c->called(c->data, group);
		r->match = !strcmp(p->of, number) || (name && !strcmp(p->of, name));
		r->last = group;
		r->any = 1;
	}
	return r->match;
}

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	struct room *r = c->room;

	(void)e;
	for (size_t i = 0; i < b->B; i++)
		if (is_wanted(p, c, b->group[i])) {
			r->n++;
			r->hits += fl_argmax(b->z + i * c->C, c->C) == (size_t)b->y[i];
		}
	return 0;
}

static int end(const void *p, struct fl_metric_ctx *c, double *v, struct fl_err *e)
{
	const struct room *r = c->room;

	(void)p;
	(void)e;
	*v = (double)r->hits / (double)r->n;
	return !r->n;
}

static int pool(const void *p, struct fl_metric_ctx *c, const struct fl_metric_ctx *from,
                struct fl_err *e)
{
	struct room *r = c->room;
	const struct room *other = from->room;

	(void)p;
	(void)e;
	r->n += other->n;
	r->hits += other->hits;
	return 0;
}

const struct fl_metric fl_metric_group = {
	.e = {
		.name = "group",
		.title = "Accuracy on a group",
		.cite = "fl-metrics(5)",
		.doc = "share of one group's examples whose label has the largest logit",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "accuracy over the examples i with group_i = of",
	},
	.higher_is_better = 1,
	.needs = FL_METRIC_LOGITS | FL_METRIC_GROUPS,
	.tap = tap,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = pool,
};
