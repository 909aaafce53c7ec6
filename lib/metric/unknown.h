/* Scores by which an image of no known class may be told from others: larger means
 * less certain, more likely unknown. */
#ifndef FL_METRIC_UNKNOWN_H
#define FL_METRIC_UNKNOWN_H

#include <stddef.h>

#include "base/spec.h"

/* One image before a classifier by cosines. */
struct fl_sight {
	const float *cosine;	/* (C) with the classes' directions */
	size_t C, top;		/* the class chosen: the largest cosine's */
	double beta;		/* logits are beta times cosines */
	double lse;		/* log sum_c exp(beta (cosine_c - cosine_top)), >= 0 */
	const double *kappa;	/* (C) concentrations of classes, where needed */
	const double *norm;	/* (C) what prepare gave */
};

struct fl_unknown {
	struct fl_entry e;
	double (*score)(const struct fl_sight *s);
	/* What depends on the concentrations alone: norm(C) in d dimensions. Those that have
	 * it need concentrations. */
	void (*prepare)(const double *kappa, size_t C, size_t d, double *norm);
	int needs_kappa;
	int ratio;	/* a logarithm of likelihoods' ratio: above 0 is unknown */
};

extern const struct fl_entry *const fl_unknown_list[];
extern const struct fl_family fl_family_unknown;

#endif
