/* Random changes of training examples, one at a time or a batch with one another: each epoch
 * sees another version. Knows no clients; random numbers come from outside. */
#ifndef FL_AUGMENT_AUGMENT_H
#define FL_AUGMENT_AUGMENT_H

#include "base/rng.h"
#include "base/spec.h"
#include "data/data.h"

/* An example: an image, or a vector, which is (1,1,W). */
struct fl_image {
	size_t C, H, W;
	const float *black;	/* (C) the input that a stored 0 becomes */
};

/* A batch that is mixed. */
struct fl_mixed {
	size_t B, d, T;
	float *x, *target;	/* (B,d) inputs, (B,T) targets, which may be none: T is 0 */
	const int32_t *y;	/* (B) classes; those of -1, without a label, come last */
	int32_t *y2;		/* (B) out: classes of what is mixed in */
	double keep;		/* out: what of an example is its own */
	float *room;		/* (B, max(d,T)) scratch */
	uint32_t *order;	/* (B) scratch */
};

/* One of apply and mix. */
struct fl_augment {
	struct fl_entry e;
	int image;		/* examples must be images */
	/* Changes x(C,H,W) in place; room(C,H,W) is scratch. Takes as many numbers from r
	 * whatever they are. */
	void (*apply)(const void *p, const struct fl_image *m, struct fl_rng *r, float *x,
	              float *room);
	/* Mixes a batch, after all that change its examples: the last of a list. */
	void (*mix)(const void *p, struct fl_rng *r, struct fl_mixed *m);
};

/* A list of them for the examples of a data set. */
struct fl_augmenter {
	const struct fl_spec *list;	/* (n) in order of application */
	size_t n;
	int mixes;			/* the last one mixes batches */
	struct fl_image image;
	float *room;			/* of an example or, where batches are mixed, of a batch */
	uint32_t *order;
};
/* For batches of at most B. Where an augmentation wants images, examples must be (H,W) or
 * (C,H,W): FL_EDATA. FL_EUSAGE: one that mixes batches is not the last. Lives in arena; list
 * must outlive it. */
int fl_augmenter_init(struct fl_augmenter *a, const struct fl_spec *list, size_t n,
                      const struct fl_data *d, size_t B, struct fl_arena *arena, struct fl_err *e);
/* An example x; what mixes batches is left out. */
void fl_augmenter_apply(const struct fl_augmenter *a, struct fl_rng *r, float *x);
/* A batch, where mixes: scratch is the augmenter's. */
void fl_augmenter_mix(const struct fl_augmenter *a, struct fl_rng *r, struct fl_mixed *m);

extern const struct fl_entry *const fl_augment_list[];
extern const struct fl_family fl_family_augment;

#endif
