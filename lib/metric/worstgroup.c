/* Worst-group accuracy: the accuracy on the natural group of the data that fares worst. */
#include <stdlib.h>

#include "metric/bag.h"
#include "metric/metric.h"

struct guess {
	int64_t group;
	int64_t hit;
};

/* The room is a bag of guesses. */
static int begin(const void *p, struct fl_metric_ctx *c, struct fl_err *e)
{
	struct fl_bag *bag = c->room = fl_arena_zero(c->arena, 1, sizeof *bag, e);

	(void)p;
	if (!bag)
		return -1;
	bag->size = sizeof(struct guess);
	return 0;
}

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	struct guess *g = fl_bag_more(c->room, b->B, c->arena, e);

	(void)p;
	for (size_t i = 0; g && i < b->B; i++)
		g[i] = (struct guess){
			b->group[i], fl_argmax(b->z + i * c->C, c->C) == (size_t)b->y[i]
		};
	return g ? 0 : -1;
}

static int by_group(const void *a, const void *b)
{
	const struct guess *x = a, *y = b;

	return (x->group > y->group) - (x->group < y->group);
}

/* g(n), n > 0, by group. */
static double least(const struct guess *g, size_t n)
{
	double worst = 1;

	for (size_t i = 0, k; i < n; i = k) {
		double hits = 0;

		for (k = i; k < n && g[k].group == g[i].group; k++)
			hits += (double)g[k].hit;
		hits /= (double)(k - i);
		worst = hits < worst ? hits : worst;
	}
	return worst;
}

static int end(const void *p, struct fl_metric_ctx *c, double *v, struct fl_err *e)
{
	const struct fl_bag *bag = c->room;
	struct guess *g = fl_alloc(bag->n, sizeof *g, e);

	(void)p;
	if (!g)
		return -1;
	fl_bag_copy(bag, g);
	qsort(g, bag->n, sizeof *g, by_group);
	*v = least(g, bag->n);
	free(g);
	return 0;
}

static int pool(const void *p, struct fl_metric_ctx *c, const struct fl_metric_ctx *from,
                struct fl_err *e)
{
	(void)p;
	return fl_bag_pool(c->room, from->room, c->arena, e);
}

const struct fl_metric fl_metric_worstgroup = {
	.e = {
		.name = "worstgroup",
		.title = "Worst-group accuracy",
		.cite = "Sagawa et al., ICLR 2020, arXiv 1911.08731",
		.doc = "accuracy on the group of examples that fares worst",
		.params = fl_metric_tap,
		.psize = sizeof(struct fl_tapped),
		.formula = "min over groups g of the accuracy over examples i with group_i = g",
	},
	.higher_is_better = 1,
	.needs = FL_METRIC_LOGITS | FL_METRIC_GROUPS,
	.tap = fl_tapped_name,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = pool,
};
