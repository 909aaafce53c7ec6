/* By a real property of the examples: sorted by it, in equal consecutive parts;
 * noise blurs the order. */
#include <math.h>
#include <stdlib.h>

#include "part/part.h"

enum { MEAN, SPREAD, LABEL, GROUP };
static const char *const property_name[] = { "mean", "std", "label", "group", NULL };

struct params {
	double strictness;
	int property;
};

struct item {
	double v;
	uint32_t i;
};

static int ascending(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->v != y->v ? (x->v > y->v) - (x->v < y->v) : (x->i > y->i) - (x->i < y->i);
}

static double of_inputs(int property, const float *x, size_t d)
{
	double sum = 0, mean, var = 0;

	for (size_t j = 0; j < d; j++)
		sum += (double)x[j];
	mean = sum / (double)d;
	if (property == MEAN)
		return mean;
	for (size_t j = 0; j < d; j++)
		var += ((double)x[j] - mean) * ((double)x[j] - mean);
	return sqrt(var / (double)d);
}

static int measure(const struct params *p, const struct fl_part *s, struct item *it,
                   struct fl_err *e)
{
	int inputs = p->property == MEAN || p->property == SPREAD;
	float *x = NULL;

	if (p->property == GROUP && !s->group)
		return fl_fail(e, FL_EDATA, "continuous: the data have no tensor 'group' or 'id'");
	if (inputs && !s->x)
		return fl_fail(e, FL_EDATA, "continuous: property=%s wants inputs, of which no example lacks a part",
		               property_name[p->property]);
	if (inputs && !(x = fl_arena_get(s->arena, s->d, sizeof *x, e)))
		return -1;
	for (uint32_t i = 0; i < s->N; i++) {
		it[i].i = i;
		if (inputs)
			s->x(s->ctx, &i, 1, x);
		it[i].v = inputs ? of_inputs(p->property, x, s->d) :
		          p->property == LABEL ? (double)s->y[i] : (double)s->group[i];
	}
	return 0;
}

/* b = strictness z + (1 - strictness) eps, z standardised (0 if all are equal). */
static void blur(const struct params *p, const struct fl_part *s, struct item *it)
{
	double mean = 0, var = 0, N = (double)s->N, std;
	struct fl_rng r;

	for (size_t i = 0; i < s->N; i++)
		mean += it[i].v / N;
	for (size_t i = 0; i < s->N; i++)
		var += (it[i].v - mean) * (it[i].v - mean) / N;
	std = sqrt(var);
	fl_part_rng(&r, s, 0, 1);
	for (size_t i = 0; i < s->N; i++) {
		double z = std > 0 ? (it[i].v - mean) / std : 0;

		it[i].v = p->strictness * z + (1 - p->strictness) * fl_rng_normal(&r);
	}
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	struct item *it = fl_arena_get(s->arena, s->N, sizeof *it, e);

	if (!it || measure(p, s, it, e))
		return -1;
	blur(p, s, it);
	qsort(it, s->N, sizeof *it, ascending);
	for (size_t k = 0, i = 0; k < s->K; k++)
		for (size_t n = fl_part_even(s->N, k, s->K); n; n--)
			s->owner[it[i++].i] = (uint32_t)k;
	s->tries = 1;
	return fl_part_check(s, "continuous", e);
}

static const struct fl_param params[] = {
	{ "strictness", FL_P_REAL, offsetof(struct params, strictness), "0.5", 0, 1, NULL, "x",
	  "0 is random, 1 sorted by the property" },
	{ "property", FL_P_ENUM, offsetof(struct params, property), "mean", 0, 0, property_name, "what",
	  "mean or standard deviation of an example's inputs, label, or group" },
	{ .name = NULL }
};

const struct fl_by fl_by_continuous = {
	.e = {
		.name = "continuous",
		.title = "By a real property",
		.cite = "Flower datasets, ContinuousPartitioner",
		.doc = "sorted by a property that noise blurs, in equal parts",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "b = strictness z + (1 - strictness) eps, z the standardised property, eps ~ "
		           "N(0,1); examples sorted by b, N/K consecutive ones a client",
	},
	.split = split,
};
