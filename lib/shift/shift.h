/* Feature and concept skew: what a client's examples look like, changed by its
 * number. Knows no schemes of splitting. */
#ifndef FL_SHIFT_SHIFT_H
#define FL_SHIFT_SHIFT_H

#include <stdint.h>

#include "base/rng.h"
#include "base/spec.h"
#include "tensor/tset.h"

struct fl_shift_in {
	size_t k, K, C;		/* this client, clients, classes */
	uint64_t seed;
	const uint32_t *row;	/* (n) the examples' numbers in the whole set */
	int test;		/* the examples are held out for testing */
	double div;		/* of fl.scale: stored values are div times inputs */
};

struct fl_shift {
	struct fl_entry e;
	int parts;		/* takes examples of several parts, which have part(n,M), I64, for x */
	/* Changes the data of x(n,...), U8 or F32, and y(n), integers, in place. An
	 * example changes alike in whatever part of the client's data it is. FL_EDATA
	 * where their shape does not allow it. */
	int (*apply)(const void *p, const struct fl_shift_in *in, struct fl_tset *rec,
	             struct fl_err *e);
};

/* The examples' values in x, and a client's random numbers by (index). */
static inline size_t fl_shift_width(const struct fl_tensor *x)
{
	return x->n / x->dim[0];
}
static inline void fl_shift_rng(struct fl_rng *r, const struct fl_shift_in *in, uint64_t who,
                                uint64_t index)
{
	fl_rng_init(r, in->seed, 0, who, FL_RNG_AUGMENT, index);
}

extern const struct fl_entry *const fl_shift_list[];
extern const struct fl_family fl_family_shift;

#endif
