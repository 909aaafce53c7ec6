/* Outputs of an adapter read as distributions of embeddings, and the score by which
 * a text and an image are compared under them. */
#ifndef FL_NN_POSTERIOR_H
#define FL_NN_POSTERIOR_H

#include <stddef.h>

#include "score/score.h"

/* Of B rows of one side. What a family has no use for is NULL and not written. */
struct fl_posterior {
	float *mean;		/* (B,d) of unit length, but for a score that takes rows as they are */
	float *kappa;		/* (B) concentration */
	float *var;		/* (B,d) variances */
	double *uncertainty;	/* (B) larger: less certain */
};

/* What there is to read. */
struct fl_reading {
	size_t d;
	const struct fl_score *score;
	int kappa[2], var[2], uncertainty[2];	/* by enum fl_side */
};

#endif
