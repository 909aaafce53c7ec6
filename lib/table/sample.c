#include "table/sample.h"

#include <math.h>
#include <stdlib.h>

const struct fl_family fl_family_interval = {
	.name = "interval", .list = fl_interval_list, .doc = "how far a mean may be off",
};
const struct fl_family fl_family_test = {
	.name = "test", .list = fl_test_list, .doc = "whether paired differences may be chance",
};
const struct fl_family fl_family_correction = {
	.name = "correction", .list = fl_correction_list, .doc = "what becomes of many tests",
};

void fl_values_measure(struct fl_values *s)
{
	double sum = 0, squares = 0;
	size_t equal = 0;

	for (size_t i = 0; i < s->n; i++) {
		sum += s->v[i];
		equal += !(s->v[i] < s->v[0] || s->v[i] > s->v[0]);
	}
	s->mean = s->n ? equal == s->n ? s->v[0] : sum / (double)s->n : NAN;
	for (size_t i = 0; i < s->n; i++)
		squares += (s->v[i] - s->mean) * (s->v[i] - s->mean);
	s->sd = s->n > 1 ? sqrt(squares / (double)(s->n - 1)) : NAN;
}

struct fl_ranked {
	double p;
	size_t i;
};

static int by_probability(const void *pa, const void *pb)
{
	const struct fl_ranked *a = pa, *b = pb;

	if (a->p < b->p || a->p > b->p)
		return a->p < b->p ? -1 : 1;
	return (a->i > b->i) - (a->i < b->i);
}

int fl_correct(const struct fl_spec *correction, double *p, size_t m, struct fl_err *e)
{
	struct fl_ranked *order = fl_alloc(m + 1, sizeof *order, e);
	double *ascending = fl_alloc(2 * m + 1, sizeof *ascending, e);

	if (order && ascending) {
		for (size_t i = 0; i < m; i++)
			order[i] = (struct fl_ranked){ isnan(p[i]) ? 1 : p[i], i };
		qsort(order, m, sizeof *order, by_probability);
		for (size_t i = 0; i < m; i++)
			ascending[i] = order[i].p;
		((const struct fl_correction *)correction->entry)->adjust(correction->p, ascending, m, ascending + m);
		for (size_t i = 0; i < m; i++)
			if (!isnan(p[order[i].i]))
				p[order[i].i] = ascending[m + i];
	}
	free(order);
	free(ascending);
	return order && ascending ? 0 : -1;
}
