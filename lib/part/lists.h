/* The examples of every client in one part of a split: all, to train on, or held out. */
#ifndef FL_PART_LISTS_H
#define FL_PART_LISTS_H

#include "part/part.h"

enum fl_portion { FL_PORTION_ALL, FL_PORTION_TRAIN, FL_PORTION_TEST };
extern const char *const fl_portion_name[];	/* "all", "train", "test" */

/* Labels of the data, whose classes may be fewer than a scheme's: y(N) < C, -1: none. */
struct fl_part_labels {
	const int32_t *y;
	size_t C;
};

struct fl_lists {
	enum fl_portion portion;
	uint32_t *row;		/* ascending within a client */
	size_t *start;		/* (K+1): those of client k are row[start[k]] to row[start[k+1] - 1] */
	uint64_t *counts;	/* (K,C), or NULL without labels */
	uint64_t *unlabelled;	/* (K), or NULL likewise */
};

/* Whether example i, of a split that is done, is in that portion. held(N): 1 where it is held
 * out; NULL, where nothing is, for ALL alone. */
int fl_portion_has(const struct fl_part *s, const unsigned char *held, enum fl_portion portion,
                 size_t i);
/* In s->arena. labels NULL: nothing is counted. */
int fl_lists_make(struct fl_lists *l, const struct fl_part *s, const unsigned char *held,
                  enum fl_portion portion, const struct fl_part_labels *labels, struct fl_err *e);
static inline size_t fl_lists_size(const struct fl_lists *l, size_t k)
{
	return l->start[k + 1] - l->start[k];
}

#endif
