/* Ids sorted, each once, and every example's rank among them. */
#include "part/groups.h"

#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Rank of v in id(U), which ascends and holds it. */
static size_t rank(const int64_t *id, size_t U, int64_t v)
{
	size_t lo = 0;

	for (size_t n = U; n > 1; ) {
		size_t half = n / 2;

		if (id[lo + half] <= v)
			lo += half;
		n -= half;
	}
	return lo;
}

int fl_groups_find(const struct fl_part *s, const char *scheme, struct fl_groups *g,
                   struct fl_err *e)
{
	int64_t *id;

	if (!s->group)
		return fl_fail(e, FL_EDATA, "%s: the data have no tensor 'group' or 'id'", scheme);
	*g = (struct fl_groups){ .U = 0 };
	if (!(id = fl_arena_get(s->arena, s->N, sizeof *id, e)) ||
	    !(g->of = fl_arena_get(s->arena, s->N, sizeof *g->of, e)))
		return -1;
	memcpy(id, s->group, s->N * sizeof *id);
	qsort(id, s->N, sizeof *id, ascending);
	for (size_t i = 0; i < s->N; i++)
		if (!i || id[i] != id[g->U - 1])
			id[g->U++] = id[i];
	for (size_t i = 0; i < s->N; i++)
		g->of[i] = (uint32_t)rank(id, g->U, s->group[i]);
	g->id = id;
	return 0;
}
