/* What the files that reshape a model share. */
#ifndef FL_RESHAPE_JOB_H
#define FL_RESHAPE_JOB_H

#include "nn/units.h"
#include "reshape/items.h"
#include "reshape/reshape.h"
#include "tensor/tset.h"

/* What becomes of a group of units. */
struct fl_pick {
	size_t n;		/* units of the copy; 0: all stay */
	size_t *of;		/* (n) which each is a copy of */
	double *part;		/* (n) 1 / copies of that unit: what each counts for who reads it */
};

struct fl_reshape_job {
	const struct fl_reshape *r;
	const void *p;
	struct fl_reshape_in in;
	int part;			/* the copy is to be a part of the model */
	const struct fl_tset *model;
	struct fl_net net, next;	/* before and after */
	struct fl_items items;
	struct fl_unit_map map;
	struct fl_pick *pick;		/* (map.ngroup) of the groups that others were joined to */
	struct fl_arena arena;
};

/* pick.c: which units the copy has, and the architecture that has as many. FL_EDATA where
 * there is nothing to cut. */
int fl_reshape_pick(struct fl_reshape_job *j, struct fl_err *e);
/* copy.c: the tensors of the next net, and fl.slice. */
int fl_reshape_copy(struct fl_reshape_job *j, struct fl_tset *out, struct fl_err *e);

#endif
