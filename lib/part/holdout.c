/* Holding examples out, and leaks. */
#include "part/holdout.h"

#include <string.h>

#include "base/num.h"
#include "part/groups.h"
#include "part/lists.h"

/* n f examples to the nearest, but one at least, and one at least stays. */
static size_t test_size(size_t n, double f)
{
	size_t t = fl_num_part_near(f, n);

	if (n < 2)
		return 0;
	if (!t)
		t = 1;
	return t < n ? t : n - 1;
}

/* Which groups of a client are held out: whole ones in the order in which its
 * shuffled examples name them, until there are t examples; one at least stays. */
struct group_out {
	struct fl_groups g;
	size_t *size;		/* (U) examples of the client at hand */
	unsigned char *out;	/* (U) 1: held out, 2: stays, 0: not said yet */
};

static int get_groups(const struct fl_part *s, struct group_out *w, struct fl_err *e)
{
	if (fl_groups_find(s, "--test-groups", &w->g, e))
		return -1;
	return (w->size = fl_arena_zero(s->arena, w->g.U, sizeof *w->size, e)) &&
	       (w->out = fl_arena_zero(s->arena, w->g.U, 1, e)) ? 0 : -1;
}

static void hold_groups(struct group_out *w, const uint32_t *row, size_t n, size_t t,
                        unsigned char *out)
{
	const uint32_t *of = w->g.of;
	size_t groups = 0, held = 0;

	for (size_t i = 0; i < n; i++)
		groups += !w->size[of[row[i]]]++;
	for (size_t i = 0; i < n; i++) {
		size_t g = of[row[i]];

		if (!w->out[g]) {
			w->out[g] = held < t && groups > 1 ? 1 : 2;
			held += w->out[g] == 1 ? w->size[g] : 0;
			groups -= w->out[g] == 1;
		}
		out[row[i]] = w->out[g] == 1;
	}
	for (size_t i = 0; i < n; i++)
		w->size[of[row[i]]] = w->out[of[row[i]]] = 0;
}

int fl_holdout_draw(const struct fl_part *s, const struct fl_holdout *how, unsigned char *held,
                    struct fl_err *e)
{
	struct group_out w = { .size = NULL };
	struct fl_lists all;
	struct fl_rng r;

	memset(held, 0, s->N);
	if (fl_lists_make(&all, s, NULL, FL_PORTION_ALL, NULL, e) || (how->groups && get_groups(s, &w, e)))
		return -1;
	for (size_t k = 0; k < s->K; k++) {
		uint32_t *row = all.row + all.start[k];
		size_t n = fl_lists_size(&all, k), t = test_size(n, how->frac);

		fl_rng_init(&r, s->seed, 0, (uint64_t)(how->first + (int64_t)k), FL_RNG_TEST_SPLIT, 0);
		fl_rng_shuffle(&r, row, n);
		if (w.size)
			hold_groups(&w, row, n, t, held);
		for (size_t i = 0; i < t && !w.size; i++)
			held[row[i]] = 1;
	}
	return 0;
}

/* --- leaks --- */

#define NONE UINT32_MAX

/* mixed(U): 1 for groups that portion a client with another. */
static int find_mixed(const struct fl_part *s, const struct fl_groups *g, unsigned char *mixed,
                      struct fl_err *e)
{
	uint32_t *only = fl_arena_get(s->arena, s->K, sizeof *only, e);
	unsigned char *many = fl_arena_zero(s->arena, s->K, 1, e);

	if (!only || !many)
		return -1;
	for (size_t k = 0; k < s->K; k++)
		only[k] = NONE;
	for (size_t i = 0; i < s->N; i++) {
		uint32_t k = s->owner[i];

		if (k == FL_PART_DROPPED)
			continue;
		many[k] |= only[k] != NONE && only[k] != g->of[i];
		only[k] = g->of[i];
	}
	for (size_t i = 0; i < s->N; i++)
		if (s->owner[i] != FL_PART_DROPPED)
			mixed[g->of[i]] |= many[s->owner[i]];
	return 0;
}

int fl_holdout_leaks(const struct fl_part *s, const unsigned char *held, struct fl_leak *out,
                     struct fl_err *e)
{
	struct fl_groups g;
	uint32_t *side[2];	/* (U) the first example there */
	unsigned char *mixed;

	*out = (struct fl_leak){ .n = 0 };
	if (!s->group)
		return 0;
	if (fl_groups_find(s, "--leaks", &g, e) ||
	    !(side[0] = fl_arena_get(s->arena, g.U, sizeof **side, e)) ||
	    !(side[1] = fl_arena_get(s->arena, g.U, sizeof **side, e)) ||
	    !(mixed = fl_arena_zero(s->arena, g.U, 1, e)) || find_mixed(s, &g, mixed, e))
		return -1;
	for (size_t i = 0; i < g.U; i++)
		side[0][i] = side[1][i] = NONE;
	for (size_t i = 0; i < s->N; i++)
		if (s->owner[i] != FL_PART_DROPPED && side[held[i]][g.of[i]] == NONE)
			side[held[i]][g.of[i]] = (uint32_t)i;
	out->groups = g.U;
	for (size_t i = 0; i < g.U; i++)
		if (mixed[i] && side[0][i] != NONE && side[1][i] != NONE && !out->n++) {
			out->train = side[0][i];
			out->test = side[1][i];
		}
	return 0;
}
