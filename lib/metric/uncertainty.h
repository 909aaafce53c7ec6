/* Whether a tool knows what it does not know: success or quality of answers against
 * their uncertainty. Probabilities: calibration.h.
 *
 * Uncertainty: larger means less certain, for every method. What cannot be said
 * (a constant, no failure at all) is NAN, never a number. */
#ifndef FL_METRIC_UNCERTAINTY_H
#define FL_METRIC_UNCERTAINTY_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* --- answers ordered by uncertainty --- */

/* One number each, of answers i with uncertainty u_i and quality y_i in [0,1], 1: right
 * (hit@1, or a share such as map@r); risk is the mean of 1 - y.
 *
 * Over bins: answers sorted by u ascending (equal ones in their order), B runs of
 * floor(n/B), the remainder, the most uncertain ones, left out; y_b the mean of bin b.
 *   spearman   S, rank correlation of b and y_b, ties by average ranks; ideal -1
 *   r2         R^2 of the least-squares line y_b ~ b
 *   s_r2       -S R^2, ideal 1
 *   pearson    correlation of b and y_b
 * By confidence descending, expected over the order of equal u:
 *   aurc       (1/n) sum_i risk of the i most certain
 *   eaurc      aurc - [r + (1-r) ln(1-r)], r the risk of all: the asymptotic optimum;
 *              where every y is 0 or 1
 *   eaurc_finite  aurc - the least that n answers of these qualities can have
 *   risk_P     risk of the ceil(P n / 100) most certain
 *   coverage_P largest share of answers, whole ties only, whose risk is at most P/100; 0: none
 * Right against wrong (y at least 1/2 counts as right), with uncertainty as the score:
 *   auroc      P(u of a wrong one > u of a right one) + half of P(equal)
 *   fpr95      share of wrong ones kept where 95 % of the right ones are kept, linear
 *              between the points of the curve
 *   aupr_success, aupr_error  average precision at finding the right ones, the wrong ones */
struct fl_doubt {
	double spearman, r2, s_r2, pearson;
	double aurc, eaurc, eaurc_finite;
	double risk_80, risk_90, risk_95, coverage_1, coverage_5;
	double auroc, fpr95, aupr_success, aupr_error;
};
/* Fields by name, for who prints them: "spearman", "r2", ..., "risk@80", "coverage@1". */
struct fl_doubt_field {
	const char *name, *doc;
	size_t off;			/* of a double in struct fl_doubt */
};
#define FL_DOUBT_FIELDS 16
extern const struct fl_doubt_field fl_doubt_fields[FL_DOUBT_FIELDS];
static inline double fl_doubt_get(const struct fl_doubt *d, size_t field)
{
	return *(const double *)(const void *)((const char *)d + fl_doubt_fields[field].off);
}

#define FL_DOUBT_BINS 10
struct fl_bin {
	size_t n;
	double u, y, lo, hi;	/* means; least and largest u */
};

/* u(n) that are numbers, infinite ones too; y(n) in [0,1]; bins at least 2, else FL_EDATA.
 * Numbers over bins are NAN, and bin(bins), which may be NULL, is left as it is, where there
 * are fewer answers than bins; all numbers are where there is no answer. */
int fl_doubt(const double *u, const double *y, size_t n, size_t bins, struct fl_doubt *out,
             struct fl_bin *bin, struct fl_err *e);

/* Quantile q of v(n), n > 0, ascending, linear between its elements. */
double fl_quantile(const double *v, size_t n, double q);

/* lo, hi: percentiles (1 -+ level)/2 of each number over resamples with replacement of
 * the n answers, drawn from (seed); NAN where a number could not be said of some.
 * Linear between order statistics. threads do not change it. */
struct fl_doubt_boot {
	size_t resamples;	/* 1000 */
	double level;		/* 0.95 */
	uint64_t seed;
	int threads;
};
int fl_doubt_interval(const double *u, const double *y, size_t n, size_t bins,
                      const struct fl_doubt_boot *b, struct fl_doubt *lo, struct fl_doubt *hi,
                      struct fl_err *e);

/* Risk against coverage, a point for each different u, from the most certain on:
 * coverage(n) and risk(n) of the answers up to there; *points of them. */
int fl_risk_curve(const double *u, const double *y, size_t n, double *coverage, double *risk,
                  size_t *points, struct fl_err *e);

/* Both as lines for plots: "bin NAME n uncertainty quality least largest" of each bin,
 * least and largest of its uncertainties, where there are as many answers as bins, then
 * "risk NAME coverage risk" of each point. */
int fl_doubt_lines(const char *name, const double *u, const double *y, size_t n, size_t bins,
                   struct fl_str *out, struct fl_err *e);

/* Telling two sets apart by a score that is larger in the second: AUROC with half ties,
 * and the share of the second that is kept where 95 % of the first are, as above.
 * Scores may be infinite, not NAN; NAN where a set is empty. */
struct fl_apart {
	double auroc, fpr95;
};
int fl_tell_apart(const double *first, size_t n, const double *second, size_t m,
                  struct fl_apart *out, struct fl_err *e);

#endif
