/* Probabilities against what came true, and the temperature that makes them fit. */
#ifndef FL_METRIC_CALIBRATION_H
#define FL_METRIC_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Of n predictions with confidence conf in [0,1] (the largest probability) and right 0
 * or 1, by M bins:
 *   ece     sum_b n_b/n |share right - mean conf| over bins (lo,hi] of equal width; a
 *           confidence of 0 is in the first
 *   mce     the largest of these gaps
 *   ace     the same sum over runs of equal size of the sorted confidences (the first
 *           n mod M runs hold one more): adaptive
 * FL_EDATA for no predictions and for a confidence that is none. */
#define FL_ECE_BINS 15
struct fl_calibration {
	double ece, mce, ace;
};
int fl_calibration(const double *conf, const double *right, size_t n, size_t M,
                   struct fl_calibration *out, struct fl_err *e);

/* The bin b of M, (b/M, (b+1)/M], that a confidence in [0,1] is in; one of 0 is in the first. */
size_t fl_calibration_bin(double conf, size_t M);

/* The softmax of beta z(C), finite, as a prediction of class y. Among equal logits the
 * lowest class wins. */
struct fl_forecast {
	size_t top;		/* the most probable class */
	size_t place;		/* of y among the classes, 0: the most probable */
	double conf;		/* probability of top, exp(-lse) */
	double lse;		/* log sum_c exp(beta (z_c - z_top)), >= 0 */
	double nll;		/* -ln p_y */
	double brier;		/* sum_c (p_c - [c = y])^2 */
};
void fl_forecast(const float *z, size_t C, size_t y, double beta, struct fl_forecast *out);

/* The beta in (FL_BETA_MIN, FL_BETA_MAX) that minimises the mean -ln p_y of the softmax of
 * beta z over z(N,C), y(N): temperature scaling, T = 1/beta. The mean is convex in beta;
 * the root of its derivative is approached until it is known to a relative FL_BETA_NEAR.
 * *end says whether there is one: where answers are no better than chance, equal
 * probabilities are best, and where none is wrong, any larger beta is better; *beta is NAN
 * then. The result does not depend on threads. FL_EDATA for no examples. */
#define FL_BETA_MIN 1e-6
#define FL_BETA_MAX 1e6
#define FL_BETA_NEAR 1e-12
enum fl_beta_end { FL_BETA_FOUND, FL_BETA_CHANCE, FL_BETA_CERTAIN };
extern const char *const fl_beta_why[];		/* by the above, for messages */
int fl_temperature(const float *z, const int32_t *y, size_t N, size_t C, int threads,
                   double *beta, enum fl_beta_end *end, struct fl_err *e);

#endif
