/* Student's t: an interval for a mean, and a test of paired differences. */
#include <math.h>

#include "table/sample.h"
#include "table/student.h"

static int find_ends(const void *p, const struct fl_values *s, double *low, double *high,
                     struct fl_err *e)
{
	double half = NAN;

	(void)p;
	(void)e;
	if (s->n > 1)
		half = fl_student_critical(1 - s->level, (double)(s->n - 1)) * s->sd /
		       sqrt((double)s->n);
	*low = s->mean - half;
	*high = s->mean + half;
	return 0;
}

/* Differences that are all equal, but for their rounding, have no spread to be compared with. */
#define SPREAD_MIN 1e-10	/* of the mean */

static int find_probability(const void *p, const struct fl_values *d, double *out, struct fl_err *e)
{
	(void)p;
	(void)e;
	if (d->n > 1 && d->sd > SPREAD_MIN * fabs(d->mean))
		*out = fl_student_tails(d->mean / (d->sd / sqrt((double)d->n)), (double)(d->n - 1));
	else
		*out = d->n > 1 && !(d->mean < 0 || d->mean > 0) ? 1 : NAN;
	return 0;
}

const struct fl_interval fl_interval_t = {
	.e = {
		.name = "t",
		.title = "Student's t interval",
		.cite = "Student, Biometrika 6 (1908)",
		.doc = "about the mean of values that are near normal",
		.formula = "mean +- t s/sqrt(n), s the standard deviation with n-1 and t such that "
		           "P(|T| > t) = 1 - level with n-1 degrees of freedom",
	},
	.ends = find_ends,
};

const struct fl_test fl_test_t = {
	.e = {
		.name = "t",
		.title = "paired t test",
		.cite = "Student, Biometrika 6 (1908)",
		.doc = "of few differences that are near normal",
		.formula = "p = P(|T| > |mean(d)| sqrt(n)/s(d)), n-1 degrees of freedom, d the differences "
		           "of a pair over the units that both have",
		.note = "Differences that are all equal and not zero (s below 1e-10 of the mean) have no p, as "
		        "nothing says how much chance there is in them.",
	},
	.probability = find_probability,
};
