/* Conformal prediction: sets of classes that hold the true one with a probability of
 * 1 - level, whatever the classifier. A class belongs to the set where its score is at
 * most the quantile found on calibration examples. Scores of class c with probabilities p
 * sorted descending, c at place r (from 1), u uniform in [0,1) or 0:
 *   lac   1 - p_c                                     (Sadinle et al. 2019)
 *   aps   sum of the r largest p, less u p_c          (Romano et al. 2020)
 *   raps  aps + lambda max(0, r - kreg)               (Angelopoulos et al. 2021) */
#ifndef FL_NN_CONFORMAL_H
#define FL_NN_CONFORMAL_H

#include "nn/net.h"

enum { FL_CONFORMAL_LAC, FL_CONFORMAL_APS, FL_CONFORMAL_RAPS };

struct fl_conformal {
	int score, randomized;
	double level, lambda;
	int64_t kreg;
};
#define FL_CONFORMAL_PARAMS \
	{ "score", FL_P_ENUM, offsetof(struct fl_conformal, score), "lac", 0, 0, fl_conformal_name, \
	  "score", "how a class is scored" }, \
	{ "level", FL_P_REAL, offsetof(struct fl_conformal, level), "0.1", 0, 1, NULL, "x", \
	  "share of sets that may miss the true class" }, \
	{ "lambda", FL_P_REAL, offsetof(struct fl_conformal, lambda), "0.001", 0, 1e6, NULL, "x", \
	  "raps: penalty of a place in the order" }, \
	{ "kreg", FL_P_INT, offsetof(struct fl_conformal, kreg), "1", 0, 1 << 24, NULL, "n", \
	  "raps: places without a penalty" }, \
	{ "randomized", FL_P_BOOL, offsetof(struct fl_conformal, randomized), "off", 0, 0, NULL, NULL, \
	  "aps, raps: break the jumps at random, for sets of exactly the level" }
extern const char *const fl_conformal_name[];
extern const struct fl_layer_entry fl_layer_conformal;	/* changes nothing; holds `quantile` */

/* A quantile that no score reaches, where calibration examples are too few: F32 in
 * records is finite. */
#define FL_CONFORMAL_ALL 1e30f

/* The layer's parameters and its quantile among the weights w; NULL: net has none. */
const struct fl_conformal *fl_conformal_of(const struct fl_net *net, const fl_real *w, double *q);

/* Scores of all classes of one example with outputs z(C): score(C). u as above. order(C):
 * room. */
void fl_conformal_scores(const struct fl_conformal *p, const float *z, double u, double *score,
                         uint32_t *order, size_t C);
/* u of an example: drawn by (seed, its number) where randomized, else 0. */
double fl_conformal_u(const struct fl_conformal *p, uint64_t seed, uint64_t example);
/* The ceil((n+1)(1-level))-th smallest of score(n), which is sorted; FL_CONFORMAL_ALL
 * where there are fewer. */
double fl_conformal_quantile(double level, double *score, size_t n);

#endif
