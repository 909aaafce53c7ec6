/* What is known of rows: a vector of yes and no for each, such as the categories that an
 * image shows, as bits; private to truth.h's implementation. */
#ifndef FL_DATA_ATTRIBUTES_H
#define FL_DATA_ATTRIBUTES_H

#include "data/embed.h"

struct fl_attributes {
	uint64_t *bits;		/* (N,words) */
	size_t n, words;	/* n attributes */
	struct fl_arena arena;
};
/* The tensor `attributes` (N,n) beside the rows, of zeros and ones: FL_EDATA with file
 * and row for anything else. */
int fl_attributes_open(struct fl_attributes *a, const struct fl_embeds *m, struct fl_err *e);
void fl_attributes_release(struct fl_attributes *a);
/* In how many row i of a and row k of b differ: at most `most`, or anything above. */
unsigned fl_attributes_differ(const struct fl_attributes *a, size_t i, const struct fl_attributes *b,
                              size_t k, unsigned most);
/* Row i has none at all. */
int fl_attributes_none(const struct fl_attributes *a, size_t i);

#endif
