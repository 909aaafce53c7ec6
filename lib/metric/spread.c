/* Statistics of a metric over clients. */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "metric/metric.h"

const struct fl_family fl_family_metric = {
	.name = "metric", .list = fl_metric_list, .doc = "what is measured of a client",
};

const struct fl_param fl_metric_tap[] = {
	FL_METRIC_TAP(struct fl_tapped),
	{ 0 }
};

const char *fl_tapped_name(const void *p)
{
	return ((const struct fl_tapped *)p)->tap;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double mean_of(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return sum / (double)n;
}

/* Mean of the max(1, floor(percent K / 100)) smallest of s(K), or largest. */
static double tail(const double *s, size_t K, size_t percent, int largest)
{
	size_t n = K * percent / 100;

	if (!n)
		n = 1;
	return mean_of(largest ? s + K - n : s, n);
}

static void moments(const double *s, size_t K, struct fl_spread *o)
{
	double ss = 0;

	o->mean = mean_of(s, K);
	for (size_t i = 0; i < K; i++)
		ss += (s[i] - o->mean) * (s[i] - o->mean);
	o->var = ss / (double)K;
	o->std = sqrt(o->var);
}

/* Measures of evenness: of shares, so values below 0 have none, nor has a sum
 * of 0. s ascends. */
static void evenness(const double *s, size_t K, struct fl_spread *o)
{
	double sum = 0, squares = 0, ranked = 0, h = 0, n = (double)K, top = s[K - 1];

	o->jain = o->gini = o->entropy = o->cos = NAN;
	if (s[0] < 0 || !(top > 0))
		return;
	for (size_t i = 0; i < K; i++) {
		double v = s[i] / top;		/* squares neither overflow nor vanish */

		sum += v;
		squares += v * v;
		ranked += (2 * (double)i + 1 - n) * v;
	}
	for (size_t i = 0; i < K; i++) {
		double p = s[i] / top / sum;

		h -= p > 0 ? p * fl_log(p) : 0;
	}
	/* rounding leaves no range */
	o->jain = fmin(sum * sum / (n * squares), 1);
	o->gini = fmax(ranked / (n * sum), 0);
	o->entropy = h;
	o->cos = fmin(sum / sqrt(n * squares), 1);
}

static void unknown(struct fl_spread *o)
{
	*o = (struct fl_spread){ NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
}

int fl_spread(const double *v, const double *n, size_t K, int higher, struct fl_spread *out,
              struct fl_err *e)
{
	double *s = fl_alloc(K, sizeof *s, e), total = 0, weighted = 0;

	if (!s)
		return -1;
	unknown(out);
	for (size_t i = 0; i < K; i++) {
		s[i] = v[i];
		total += n[i];
		weighted += n[i] * v[i];
	}
	if (isfinite(weighted)) {
		qsort(s, K, sizeof *s, ascending);
		moments(s, K, out);
		evenness(s, K, out);
		out->weighted = weighted / total;
		out->min = s[0];
		out->max = s[K - 1];
		out->worst10 = tail(s, K, 10, !higher);
		out->worst20 = tail(s, K, 20, !higher);
		out->worst30 = tail(s, K, 30, !higher);
		out->best10 = tail(s, K, 10, higher);
	}
	free(s);
	return 0;
}
