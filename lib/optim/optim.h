/* Element-wise optimisers: one rule, over any stretch of a flat vector, so that
 * a layer is updated while it is in cache. Who calls it, client or server, is not
 * known here. */
#ifndef FL_OPTIM_OPTIM_H
#define FL_OPTIM_OPTIM_H

#include <stddef.h>
#include <stdint.h>

#include "base/spec.h"

#define FL_OPT_VECS 3

/* A step that is linear in the gradients, as torch.optim.SGD's: m = g at first, else
 * momentum m + (1 - dampening) g; w -= lr (nesterov ? g + momentum m : m). */
struct fl_opt_linear {
	double momentum, dampening;
	int nesterov;
};

struct fl_optim {
	struct fl_entry e;
	int whole;			/* step() wants tensors whole, one a call */
	const char *vec[FL_OPT_VECS];	/* names of parameter-sized state; NULL-terminated */
	/* How many of them these parameters use (momentum 0 needs none). */
	size_t (*nvec)(const void *p);
	/* Learning rate of step t (from 0) before any schedule. */
	double (*lr)(const void *p);
	/* How steps add up; NULL: they are not linear in the gradients. */
	struct fl_opt_linear (*linear)(const void *p);
	/* w, state <- one step on [0,n) with gradient g. lr as scheduled; t: step
	 * number from 0. g may be clobbered. All arrays of n floats. */
	void (*step)(const void *p, double lr, uint64_t t, float *w, float *g,
	             float *const vec[FL_OPT_VECS], size_t n);
};

extern const struct fl_entry *const fl_opt_list[];
extern const struct fl_family fl_family_opt;

#endif
