/* Splitting: labels -> which client owns which example. Knows no pixels. */
#ifndef FL_PART_PART_H
#define FL_PART_PART_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/spec.h"

#define FL_PART_DROPPED UINT32_MAX

struct fl_part {
	const int32_t *y;	/* (N) labels in [0,C) */
	size_t N, C, K;
	uint64_t seed;
	uint32_t *owner;	/* (N) out: client in [0,K), or FL_PART_DROPPED */
	size_t tries;		/* out: draws until the conditions held */
	struct fl_arena *arena;
};

struct fl_by {
	struct fl_entry e;
	/* FL_EDATA where the scheme's conditions cannot be met within its tries,
	 * naming the smallest client. Never loops without bound. */
	int (*split)(const void *p, struct fl_part *s, struct fl_err *e);
};

/* Measures of skew over the counts matrix n(K,C). */
struct fl_skew {
	double entropy;		/* mean over clients of label entropy, nats */
	double tv, tv_max;	/* total variation to the global distribution */
	double js, hellinger;	/* means */
	double size_cv, size_gini;
	double eff_classes;	/* mean exp(entropy) */
};
void fl_part_counts(const struct fl_part *s, uint64_t *counts);	/* (K,C) */
/* Clients without examples count in the sizes, not in the other means; all 0
 * where there is no example at all. */
int fl_part_skew(const uint64_t *counts, size_t K, size_t C, struct fl_skew *out,
                 struct fl_err *e);

/* For schemes. */
/* FL_EDATA where a client would have no example, naming the first one. */
int fl_part_check(const struct fl_part *s, const char *scheme, struct fl_err *e);
/* Rows by label, ascending within one, from s->arena; those of label c begin at
 * start[c] and end at start[c+1]. start(C+1). */
uint32_t *fl_part_by_label(const struct fl_part *s, size_t *start, struct fl_err *e);

extern const struct fl_entry *const fl_by_list[];
extern const struct fl_family fl_family_by;

#endif
