/* What the columns of a table hold: figures from which inputs are standardised and missing
 * values are filled. */
#ifndef FL_DATA_COLUMNS_H
#define FL_DATA_COLUMNS_H

#include "data/data.h"

struct fl_columns {
	size_t d;		/* values of an example */
	int64_t *n;		/* (d) values that are there, in examples that are looked at */
	double *mean, *var;	/* (d) population variance; both 0 where n is */
};

/* Of stored values of the examples i with use[i], all where use is NULL; arrays in a. */
int fl_columns_measure(const struct fl_data *d, const unsigned char *use, struct fl_columns *out,
                       struct fl_arena *a, struct fl_err *e);

#endif
