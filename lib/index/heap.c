/* A heap whose root is the worst hit. */
#include "index/heap.h"

int fl_hit_after(const struct fl_hit *a, const struct fl_hit *b, const uint32_t *order)
{
	if (a->score < b->score || a->score > b->score)
		return a->score < b->score;
	return order ? order[a->row] > order[b->row] : a->row > b->row;
}

/* hit belongs at i or below. */
static void sink(struct fl_hit *h, size_t n, size_t i, struct fl_hit hit, const uint32_t *order)
{
	for (size_t c; (c = 2 * i + 1) < n; i = c) {
		if (c + 1 < n && fl_hit_after(&h[c + 1], &h[c], order))
			c++;
		if (!fl_hit_after(&h[c], &hit, order))
			break;
		h[i] = h[c];
	}
	h[i] = hit;
}

int fl_heap_push(struct fl_hit *h, uint32_t *n, size_t k, struct fl_hit hit,
                 const uint32_t *order)
{
	size_t i = *n;

	if (i == k) {
		if (!k || !fl_hit_after(&h[0], &hit, order))
			return 0;
		sink(h, k, 0, hit, order);
		return 1;
	}
	for (; i && fl_hit_after(&hit, &h[(i - 1) / 2], order); i = (i - 1) / 2)
		h[i] = h[(i - 1) / 2];
	h[i] = hit;
	++*n;
	return 1;
}

void fl_heap_sort(struct fl_hit *h, size_t n, const uint32_t *order)
{
	while (n > 1) {
		struct fl_hit last = h[0];

		n--;
		sink(h, n, 0, h[n], order);
		h[n] = last;
	}
}
