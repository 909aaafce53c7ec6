/* Units made of a split's examples, dealt out, and turned back into owners of examples. */
#include "part/units.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "part/groups.h"

enum { UNIT_EXAMPLE, UNIT_GROUP, UNIT_BLOCK };
const char *const fl_unit_name[] = { "example", "group", "block", NULL };

/* Blocks of consecutive examples, the last of a class may be short. */
static int blocks(const struct fl_part *s, size_t block, struct fl_units *u, struct fl_err *e)
{
	size_t *start = fl_arena_get(s->arena, s->C + 1, sizeof *start, e);
	uint32_t *rows = start ? fl_part_by_label(s, start, e) : NULL;

	if (!rows)
		return -1;
	u->U = 0;
	for (size_t c = 0; c < s->C; c++) {
		size_t n = start[c + 1] - start[c];

		u->start[c] = u->U;
		for (size_t i = 0; i < n; i++)
			u->of[rows[start[c] + i]] = (uint32_t)(u->U + i / block);
		u->U += (n + block - 1) / block;
	}
	u->start[s->C] = u->U;
	return 0;
}

/* Class of every group. */
static int classes(const struct fl_part *s, const struct fl_groups *g, const char *scheme,
                   int32_t *class, struct fl_err *e)
{
	for (size_t i = 0; i < g->U; i++)
		class[i] = -1;
	for (size_t i = 0; i < s->N; i++) {
		int32_t *c = &class[g->of[i]];

		if (*c >= 0 && *c != s->y[i])
			return fl_fail(e, FL_EDATA, "%s: unit=group: group %" PRId64 " holds classes %d "
			               "and %d", scheme, s->group[i], (int)*c, (int)s->y[i]);
		*c = s->y[i];
	}
	return 0;
}

/* Groups, numbered by class and then by id. */
static int groups(const struct fl_part *s, const char *scheme, struct fl_units *u,
                  struct fl_err *e)
{
	struct fl_groups g;
	uint32_t *number;
	int32_t *class;

	if (fl_groups_find(s, scheme, &g, e) ||
	    !(class = fl_arena_get(s->arena, g.U, sizeof *class, e)) ||
	    !(number = fl_arena_get(s->arena, g.U, sizeof *number, e)) ||
	    classes(s, &g, scheme, class, e))
		return -1;
	u->U = g.U;
	memset(u->start, 0, (s->C + 1) * sizeof *u->start);
	for (size_t i = 0; i < g.U; i++)
		u->start[class[i] + 1]++;
	for (size_t c = 0; c < s->C; c++)
		u->start[c + 1] += u->start[c];
	for (size_t i = 0; i < g.U; i++)
		number[i] = (uint32_t)u->start[class[i]]++;
	memmove(u->start + 1, u->start, s->C * sizeof *u->start);
	u->start[0] = 0;
	for (size_t i = 0; i < s->N; i++)
		u->of[i] = number[g.of[i]];
	return 0;
}

int fl_units_make(const struct fl_part *s, const struct fl_unit_params *p, const char *scheme,
                  struct fl_units *u, struct fl_err *e)
{
	struct fl_arena *a = s->arena;
	struct fl_rng r;

	if (!(u->of = fl_arena_get(a, s->N, sizeof *u->of, e)) ||
	    !(u->start = fl_arena_get(a, s->C + 1, sizeof *u->start, e)))
		return -1;
	if (p->unit == UNIT_GROUP ? groups(s, scheme, u, e) :
	    blocks(s, p->unit == UNIT_BLOCK ? (size_t)p->block : 1, u, e))
		return -1;
	if (!(u->order = fl_arena_get(a, u->U, sizeof *u->order, e)) ||
	    !(u->owner = fl_arena_get(a, u->U, sizeof *u->owner, e)))
		return -1;
	for (size_t i = 0; i < u->U; i++)
		u->order[i] = (uint32_t)i;
	for (size_t c = 0; c < s->C; c++) {
		fl_part_rng(&r, s, c, 0);
		fl_rng_shuffle(&r, u->order + u->start[c], u->start[c + 1] - u->start[c]);
	}
	return 0;
}

/* Systematic sampling: with one offset v in [0,1) for all, client k gets
 * floor(n W_k + v) - floor(n W_(k-1) + v), W cumulative. */
void fl_units_deal(const struct fl_part *s, struct fl_units *u, size_t c, const double *w)
{
	size_t n = u->start[c + 1] - u->start[c], i = 0, last = 0;
	const uint32_t *order = u->order + u->start[c];
	double W = 0, v;
	struct fl_rng r;

	fl_part_rng(&r, s, c, 1);
	v = fl_rng_real(&r);
	for (size_t k = 0; k < s->K; k++)
		if (w[k] > 0)
			last = k;
	for (size_t k = 0; k <= last; k++) {
		size_t end;

		W += w[k];
		end = k < last ? (size_t)floor((double)n * W + v) : n;
		if (end > n)
			end = n;
		while (i < end)
			u->owner[order[i++]] = (uint32_t)k;
	}
}

int fl_units_done(struct fl_part *s, const struct fl_units *u, const char *scheme,
                  struct fl_err *e)
{
	for (size_t i = 0; i < s->N; i++)
		s->owner[i] = u->owner[u->of[i]];
	s->tries = 1;
	return fl_part_check(s, scheme, e);
}
