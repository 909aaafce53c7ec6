/* The k best hits so far. Private to lib/index. */
#ifndef FL_INDEX_HEAP_H
#define FL_INDEX_HEAP_H

#include "index/index.h"

/* Whether a comes after b: a smaller score, or the same and a larger order. */
int fl_hit_after(const struct fl_hit *a, const struct fl_hit *b, const uint32_t *order);
/* Keeps hit where it is among the k best of h(*n), whose last comes first; 1 if so. */
int fl_heap_push(struct fl_hit *h, uint32_t *n, size_t k, struct fl_hit hit,
                 const uint32_t *order);
/* Best first; no heap any more. */
void fl_heap_sort(struct fl_hit *h, size_t n, const uint32_t *order);

#endif
