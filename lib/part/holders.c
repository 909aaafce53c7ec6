/* Classes drawn for clients, until every class has a holder where that is wanted. */
#include "part/holders.h"

#include <string.h>

const char *const fl_assign_name[] = { "random", "rotate", "first", NULL };

/* Classes of client k into the front of class(C), which is 0, 1, ... before and a
 * permutation of them after: the first steps of a shuffle. */
static void choose(const struct fl_part *s, int assign, size_t m, size_t k, size_t try,
                   uint32_t *class)
{
	struct fl_rng r;

	/* Apart from the (class, 0) that shuffle examples. */
	fl_part_rng(&r, s, k, ((uint64_t)1 << 32) + try);
	for (size_t i = 0; i < m; i++) {
		size_t j = i + (size_t)(assign == FL_ASSIGN_ROTATE ? 0 :
		                        assign == FL_ASSIGN_FIRST && !i ? k % s->C :
		                        fl_rng_below(&r, s->C - i));
		uint32_t t = class[i];

		class[i] = class[j];
		class[j] = t;
	}
}

int fl_part_holders(const struct fl_part *s, int assign, size_t m, size_t try,
                    unsigned char *may, struct fl_err *e)
{
	struct fl_mark m0 = fl_arena_mark(s->arena);
	uint32_t *class = fl_arena_get(s->arena, s->C, sizeof *class, e);

	if (!class)
		return -1;
	memset(may, 0, s->C * s->K);
	for (size_t k = 0; k < s->K; k++) {
		size_t turn = assign == FL_ASSIGN_ROTATE ? k : 0;

		for (size_t c = 0; c < s->C; c++)
			class[c] = (uint32_t)((c + turn) % s->C);
		choose(s, assign, m, k, try, class);
		for (size_t i = 0; i < m; i++)
			may[class[i] * s->K + k] = 1;
	}
	fl_arena_rewind(s->arena, m0);
	return 0;
}
