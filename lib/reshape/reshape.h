/* Copies of a model that are narrower, shallower, sparser, wider or deeper than it. What is cut
 * is a part of the model: fl.base says of which, fl.slice which block of each tensor, and updates
 * of it go into that model. What has grown is a model of its own that computes the same. */
#ifndef FL_RESHAPE_RESHAPE_H
#define FL_RESHAPE_RESHAPE_H

#include "base/json.h"
#include "base/spec.h"
#include "nn/net.h"

struct fl_items;

/* What a reshape may go by. */
struct fl_reshape_in {
	int64_t round;		/* the model's, 0 for the first; where the reshape goes by it */
	uint64_t seed;
};

/* A copy has other units, those of a layer and of all that goes with them (nn/units.h), other
 * layers, or other numbers. */
struct fl_reshape {
	struct fl_entry e;
	int grows;		/* a model of its own, not a part */
	int rounds;		/* goes by the round: the model must have one */
	/* Of group, which has n units, how many the copy has, from 1; and for of != NULL, which of
	 * them each is a copy of. A part has none twice. NULL: units stay as they are. */
	size_t (*units)(const void *p, const struct fl_reshape_in *in, size_t group, size_t n,
	                size_t *of);
	const char *(*which)(const void *p);	/* globs of the layers whose units these are */
	/* What the units that are left are divided by in training; 1: nothing. NULL: 1. */
	double (*scale)(const void *p);
	/* Edits the architecture. A layer that the model has not is the identity. FL_EDATA. */
	int (*layers)(const void *p, const struct fl_net *net, struct fl_items *items,
	              struct fl_err *e);
	/* Changes numbers of the copy: x(nparam) are its tensors, in the order of its net's
	 * parameters. */
	int (*values)(const void *p, const struct fl_net *net, float *const *x, struct fl_err *e);
};

extern const struct fl_entry *const fl_reshape_list[];
extern const struct fl_family fl_family_reshape;

struct fl_reshape_from {
	const struct fl_tset *model;
	const char *base;	/* its fl_base_text() */
	uint64_t seed;
	int apart;		/* a cut copy is a model of its own, too */
};

/* The copy by each of how(n) in turn, with the metadata of the model: the model, for n = 0.
 * It has fl.base and fl.slice where it is a part, fl.parent where it is a model of its own.
 * FL_EDATA: the model cannot be reshaped so, with the layer and why. Thread-safe. */
int fl_reshape_model(const struct fl_reshape_from *from, const struct fl_spec *how, size_t n,
                     struct fl_tset *out, struct fl_err *e);

#endif
