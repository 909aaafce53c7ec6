/* What a client counts beside others: its training examples, or one. */
#ifndef FL_FED_SHARE_H
#define FL_FED_SHARE_H

#include "fed/fold.h"

enum fl_share { FL_BY_EXAMPLES, FL_BY_UNIFORM };
extern const char *const fl_share_name[];	/* values of a parameter weight */
/* share: of enum fl_share. */
double fl_share_of(int share, const struct fl_update *u);

/* Weighted means of which a fixed number may be the denominator: the parameters and
 * finish(). */
struct fl_mean_params {
	int weight;
	double denominator;
};
#define FL_MEAN_PARAMS(weight_is, denominator_is)                                               \
	{ "weight", FL_P_ENUM, offsetof(struct fl_mean_params, weight), "examples", 0, 0,       \
	  fl_share_name, "kind", weight_is },                                                   \
	{ "denominator", FL_P_REAL, offsetof(struct fl_mean_params, denominator), NULL, 1e-300, \
	  1e300, NULL, "sum", denominator_is }
int fl_mean_finish(const void *p, const double s[FL_FOLD_SCALARS], double *scale,
                   struct fl_err *e);

#endif
