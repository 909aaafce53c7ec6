/* The examples of every client in one part of a split. */
#include "part/lists.h"

const char *const fl_portion_name[] = { "all", "train", "test" };

int fl_portion_has(const struct fl_part *s, const unsigned char *held, enum fl_portion portion,
                 size_t i)
{
	return s->owner[i] != FL_PART_DROPPED &&
	       (portion == FL_PORTION_ALL || (portion == FL_PORTION_TEST) == held[i]);
}

static int count_labels(struct fl_lists *l, const struct fl_part *s,
                        const struct fl_part_labels *labels, struct fl_err *e)
{
	size_t C = labels->C;

	if (!(l->counts = fl_arena_zero(s->arena, s->K * C, sizeof *l->counts, e)) ||
	    !(l->unlabelled = fl_arena_zero(s->arena, s->K, sizeof *l->unlabelled, e)))
		return -1;
	for (size_t k = 0; k < s->K; k++)
		for (size_t i = l->start[k]; i < l->start[k + 1]; i++) {
			int32_t y = labels->y[l->row[i]];

			if (y < 0)
				l->unlabelled[k]++;
			else
				l->counts[k * C + (size_t)y]++;
		}
	return 0;
}

int fl_lists_make(struct fl_lists *l, const struct fl_part *s, const unsigned char *held,
                  enum fl_portion portion, const struct fl_part_labels *labels, struct fl_err *e)
{
	*l = (struct fl_lists){ .portion = portion };
	if (!(l->row = fl_arena_get(s->arena, s->N, sizeof *l->row, e)) ||
	    !(l->start = fl_arena_zero(s->arena, s->K + 2, sizeof *l->start, e)))
		return -1;
	/* Counting sort by client; start is two ahead, so that it ends up right. */
	for (size_t i = 0; i < s->N; i++)
		if (fl_portion_has(s, held, portion, i))
			l->start[(size_t)s->owner[i] + 2]++;
	for (size_t k = 2; k < s->K + 2; k++)
		l->start[k] += l->start[k - 1];
	for (size_t i = 0; i < s->N; i++)
		if (fl_portion_has(s, held, portion, i))
			l->row[l->start[(size_t)s->owner[i] + 1]++] = (uint32_t)i;
	return labels ? count_labels(l, s, labels, e) : 0;
}
