/* Which units of a net belong together: those of one layer and of all that keeps, reads or
 * adds them. A group of units is cut, or copied, in all of these at once. */
#ifndef FL_NN_UNITS_H
#define FL_NN_UNITS_H

#include "nn/net.h"

/* Stretch of an activation's first dimension: `each` entries for every unit of a group. */
struct fl_unit_seg {
	size_t group, each;
};

struct fl_unit_group {
	size_t n;		/* units */
	size_t of;		/* the group that it has been joined to; itself: none */
	int whole;		/* must stay: the net's input, its output, a tap, or what blocks */
	size_t blocks;		/* 1 + the layer that takes it as a whole; 0: none */
	size_t mixed;		/* 1 + a layer that makes numbers of one unit depend on others; 0: none */
	size_t owner;		/* 1 + the first layer whose own they are; 0: none */
};

struct fl_unit_act {
	struct fl_unit_seg *seg;	/* (n) */
	size_t n;
};

struct fl_unit_map {
	struct fl_unit_group *group;	/* (ngroup) those that others were joined to count */
	size_t ngroup;
	struct fl_unit_act *act;	/* (nlayer+1): of the activations, the net's input first */
};

/* In a. FL_EIO where memory runs out. */
int fl_unit_map(const struct fl_net *net, struct fl_arena *a, struct fl_unit_map *out,
                struct fl_err *e);
/* The group that g has been joined to, or g. */
size_t fl_unit_root(const struct fl_unit_map *m, size_t g);

/* The activation whose units dimension d of parameter j of a layer goes by, with *times
 * numbers for each entry; SIZE_MAX: none. *reads: it is what the layer reads. */
size_t fl_unit_dim(const struct fl_net *net, size_t layer, unsigned j, unsigned d,
                   size_t *times, int *reads);

#endif
