/* partition.json: what a folder of clients was made of, and how its examples are spread. */
#ifndef FL_PART_MANIFEST_H
#define FL_PART_MANIFEST_H

#include "base/spec.h"
#include "part/lists.h"

#define FL_MANIFEST "partition.json"
#define FL_MANIFEST_BEGIN "{\"schema\":\"fl-partition/1\""

struct fl_manifest {
	const struct fl_spec *by, *shift;	/* shift->entry NULL: none */
	const struct fl_part *split;	/* done */
	const struct fl_lists *lists;	/* of the portion that the folder has */
	size_t C;			/* classes of the lists' counts */
	double frac;			/* held out; NAN: nothing is */
	int64_t first;			/* number of the first client */
	const char *const *name;	/* (K) of clients, NULL: that one has none; NULL: none has */
	int unlabelled;			/* data have examples without a label: count them */
};
/* Appends the text. */
int fl_manifest_print(const struct fl_manifest *m, struct fl_str *b, struct fl_err *e);

#endif
