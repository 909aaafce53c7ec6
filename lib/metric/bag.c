/* A bag of rows: pieces in an arena, in the order in which they came. */
#include "metric/bag.h"

#include <string.h>

struct fl_bag_piece {
	struct fl_bag_piece *next;
	size_t n;
	void *row;
};

void *fl_bag_more(struct fl_bag *b, size_t n, struct fl_arena *a, struct fl_err *e)
{
	struct fl_bag_piece *p = fl_arena_zero(a, 1, sizeof *p, e);

	if (!p || !(p->row = fl_arena_get(a, n, b->size, e)))
		return NULL;
	p->n = n;
	if (b->last)
		b->last->next = p;
	else
		b->first = p;
	b->last = p;
	b->n += n;
	return p->row;
}

int fl_bag_pool(struct fl_bag *b, const struct fl_bag *from, struct fl_arena *a,
                struct fl_err *e)
{
	void *row = fl_bag_more(b, from->n, a, e);

	if (!row)
		return -1;
	fl_bag_copy(from, row);
	return 0;
}

void fl_bag_copy(const struct fl_bag *b, void *out)
{
	char *to = out;

	for (const struct fl_bag_piece *p = b->first; p; p = p->next) {
		memcpy(to, p->row, p->n * b->size);
		to += p->n * b->size;
	}
}
