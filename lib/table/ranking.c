#include "table/ranking.h"

#include <stdlib.h>

const struct fl_family fl_family_ranking = {
	.name = "ranking", .list = fl_ranking_list, .doc = "one order of rows from many",
};

struct fl_ranked_value {
	double value;		/* less is better */
	uint32_t row, unit;
};

static int by_standing(const void *pa, const void *pb)
{
	const struct fl_ranked_value *a = pa, *b = pb;

	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	if (a->value < b->value || a->value > b->value)
		return a->value < b->value ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

/* The numbers of column c by unit, then from the best to the worst. */
static size_t sort_column(const struct fl_sheet *s, size_t c, int lower, struct fl_ranked_value *v)
{
	size_t first = s->start[c * s->R], n = s->start[(c + 1) * s->R] - first;

	for (size_t i = 0; i < n; i++) {
		const struct fl_observed *o = &s->seen[first + i];

		v[i] = (struct fl_ranked_value){ lower ? o->value : -o->value, o->row, o->unit };
	}
	qsort(v, n, sizeof *v, by_standing);
	return n;
}

/* The ballot v(n), best first. */
static void add_ballot(struct fl_ballots *b, const struct fl_ranked_value *v, size_t n)
{
	struct fl_place *at = b->at + b->start[b->n];

	for (size_t i = 0; i < n; i++)
		at[i] = (struct fl_place){ v[i].row,
			i ? at[i - 1].place + (v[i].value > v[i - 1].value) : 0 };
	b->start[b->n + 1] = b->start[b->n] + n;
	b->n++;
}

int fl_ballots_make(struct fl_ballots *b, const struct fl_sheet *s, const unsigned char *lower,
                    struct fl_err *e)
{
	struct fl_ranked_value *v = fl_alloc(s->n + 1, sizeof *v, e);

	*b = (struct fl_ballots){ .R = s->R, .s = s };
	if (!v || !(b->at = fl_alloc(s->n + 1, sizeof *b->at, e)) ||
	    !(b->start = fl_alloc(s->n + 2, sizeof *b->start, e))) {
		free(v);
		return -1;
	}
	for (size_t c = 0; c < s->C; c++) {
		size_t n = sort_column(s, c, lower[c], v);

		for (size_t i = 0, j; i < n; i = j) {
			for (j = i; j < n && v[j].unit == v[i].unit; j++)
				;
			if (j - i > 1)
				add_ballot(b, v + i, j - i);
		}
	}
	free(v);
	return b->n ? 0
	            : fl_fail(e, FL_EDATA,
	                      "no unit of a column has numbers of two rows: there is "
	                      "nothing to rank by");
}

void fl_ballots_release(struct fl_ballots *b)
{
	free(b->at);
	free(b->start);
	*b = (struct fl_ballots){ .at = NULL };
}
