/* Random changes of training images, one example at a time: each epoch sees another
 * version. Knows no clients; an example's random numbers come from outside. */
#ifndef FL_AUGMENT_AUGMENT_H
#define FL_AUGMENT_AUGMENT_H

#include "base/rng.h"
#include "base/spec.h"
#include "data/data.h"

struct fl_image {
	size_t C, H, W;
	const float *black;	/* (C) the input that a stored 0 becomes */
};

struct fl_augment {
	struct fl_entry e;
	/* Changes x(C,H,W) in place; room(C,H,W) is scratch. Takes as many numbers from r
	 * whatever they are. */
	void (*apply)(const void *p, const struct fl_image *m, struct fl_rng *r, float *x,
	              float *room);
};

/* A list of them for the examples of a data set. */
struct fl_augmenter {
	const struct fl_spec *list;	/* (n) in order of application */
	size_t n;
	struct fl_image image;
	float *room;
};
/* Examples must be (H,W) or (C,H,W): FL_EDATA. Lives in arena; list must outlive it. */
int fl_augmenter_init(struct fl_augmenter *a, const struct fl_spec *list, size_t n,
                      const struct fl_data *d, struct fl_arena *arena, struct fl_err *e);
void fl_augmenter_apply(const struct fl_augmenter *a, struct fl_rng *r, float *x);

extern const struct fl_entry *const fl_augment_list[];
extern const struct fl_family fl_family_augment;

#endif
