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
	const int64_t *group;	/* (N) natural id of an example (writer, plate), or NULL */
	size_t N, C, K;
	uint64_t seed;
	uint64_t level;		/* 0; 1 more for a scheme inside another: other random numbers */
	/* out(n,d) = inputs of examples idx(n); NULL where the caller has none. */
	void (*x)(const void *ctx, const uint32_t *idx, size_t n, float *out);
	const void *ctx;
	size_t d;
	uint32_t *owner;	/* (N) out: client in [0,K), or FL_PART_DROPPED */
	size_t tries;		/* out: draws until the conditions held */
	struct fl_arena *arena;
};

struct fl_by {
	struct fl_entry e;
	/* FL_EDATA where the scheme's conditions cannot be met within its tries,
	 * naming the smallest client. Never loops without bound. */
	int (*split)(const void *p, struct fl_part *s, struct fl_err *e);
	/* Fills parameters that depend on others and on s, so that p prints in full;
	 * split does the same to a copy. FL_EUSAGE for values that do not go
	 * together. May be NULL. */
	int (*resolve)(void *p, const struct fl_part *s, struct fl_err *e);
	/* The number of clients that the data ask for, where the user may leave it
	 * out; s->K is not set yet. NULL: the user says. */
	int (*clients)(const void *p, const struct fl_part *s, size_t *K, struct fl_err *e);
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
/* Random numbers of a split: a scheme may use every (index, sub). */
void fl_part_rng(struct fl_rng *r, const struct fl_part *s, uint64_t index, uint64_t sub);
/* FL_EDATA where a client would have no example, naming the first one. */
int fl_part_check(const struct fl_part *s, const char *scheme, struct fl_err *e);
/* Rows by label, ascending within one, from s->arena; those of label c begin at
 * start[c] and end at start[c+1]. start(C+1). */
uint32_t *fl_part_by_label(const struct fl_part *s, size_t *start, struct fl_err *e);
/* The same, shuffled within each label: numbers (label, 0). */
uint32_t *fl_part_by_label_shuffled(const struct fl_part *s, size_t *start, struct fl_err *e);
/* All rows in random order: numbers (0, 0). */
uint32_t *fl_part_permutation(const struct fl_part *s, struct fl_err *e);
/* The client with the fewest examples, the first of several. size(K), K > 0. */
size_t fl_part_least(const size_t *size, size_t K);
/* Share of client k where n are dealt as evenly as can be, the first getting more. */
static inline size_t fl_part_even(size_t n, size_t k, size_t K)
{
	return n / K + (k < n % K);
}

extern const struct fl_entry *const fl_by_list[];
extern const struct fl_family fl_family_by;

#endif
