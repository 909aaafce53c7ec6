/* What is said of one sample: a mean, an interval about it, and whether it may be zero. The
 * families `interval`, `test` and `correction`. */
#ifndef FL_TABLE_SAMPLE_H
#define FL_TABLE_SAMPLE_H

#include <stdint.h>

#include "base/spec.h"

struct fl_values {
	const double *v;	/* (n) by ascending unit; differences, where pairs are compared */
	size_t n;
	double mean, sd;	/* sd with n-1, NAN where n < 2 */
	double level;		/* of intervals, in (0,1) */
	uint64_t seed;		/* of what is drawn: equal samples have equal intervals */
};

/* Sets mean and sd; 0 where all values are equal. */
void fl_values_measure(struct fl_values *s);

struct fl_interval {
	struct fl_entry e;
	/* The ends of an interval for the mean, NAN where there is none (n < 2). */
	int (*ends)(const void *p, const struct fl_values *s, double *low, double *high,
	            struct fl_err *e);
};

struct fl_test {
	struct fl_entry e;
	/* Two-sided probability of such differences if neither were better; NAN where the test
	 * says nothing. */
	int (*probability)(const void *p, const struct fl_values *d, double *out, struct fl_err *e);
};

struct fl_correction {
	struct fl_entry e;
	/* out(m) = p(m), in ascending order, adjusted for being m. */
	void (*adjust)(const void *p, const double *ascending, size_t m, double *out);
};

/* Adjusts p(m), in any order; NAN counts as 1 and stays NAN. In place. */
int fl_correct(const struct fl_spec *correction, double *p, size_t m, struct fl_err *e);

extern const struct fl_entry *const fl_interval_list[], *const fl_test_list[],
	*const fl_correction_list[];
extern const struct fl_family fl_family_interval, fl_family_test, fl_family_correction;

#endif
