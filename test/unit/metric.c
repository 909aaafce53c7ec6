/* Metrics of a batch, those of classes against scikit-learn's, and statistics over
 * clients against NumPy's. */
#include "golden/metric/classes.h"
#include "golden/metric/spread.h"

#include "kernel/vmath.h"
#include "base/rng.h"
#include "metric/metric.h"
#include "tap.h"

static void test_golden(void)
{
	static const char *const name[] = {
		"weighted", "mean", "var", "std", "min", "max", "worst10", "worst20", "worst30", "best10",
		"jain", "gini", "entropy", "cos",
	};
	char what[64];

	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		struct fl_spread s;
		const double *got = &s.weighted;

		is_int(fl_spread(golden[i].v, golden[i].n, (size_t)golden[i].K, golden[i].higher, &s,
		                 NULL), 0, "spread");
		for (int f = 0; f < 14; f++) {
			snprintf(what, sizeof what, "case %zu: %s", i, name[f]);
			is_near(got[f], golden[i].want[f], 1e-13, what);
		}
	}
}

static void test_order(void)
{
	double v[40], n[40];
	struct fl_spread a, b;
	size_t K = (size_t)golden[6].K;

	for (size_t i = 0; i < K; i++) {
		v[i] = golden[6].v[K - 1 - i];
		n[i] = golden[6].n[K - 1 - i];
	}
	fl_spread(golden[6].v, golden[6].n, K, 1, &a, NULL);
	fl_spread(v, n, K, 1, &b, NULL);
	b.weighted = a.weighted;
	ok(!memcmp(&a, &b, sizeof a), "the order of clients shows in the weighted mean alone");
}

static void test_undefined(void)
{
	static const double n[] = { 1, 1, 1 }, zero[3], minus[] = { -1, 1, 2 };
	static const double big[] = { 1e300, 1e300, 1e300 }, tiny[] = { 1e-300, 1e-300, 3e-300 };
	const double bad[] = { 1, NAN, 2 }, inf[] = { 1, INFINITY, 2 };
	struct fl_spread s;

	fl_spread(zero, n, 3, 1, &s, NULL);
	ok(s.mean == 0 && s.var == 0 && s.min == 0, "all 0: mean, var, min are 0");
	ok(isnan(s.jain) && isnan(s.gini) && isnan(s.entropy) && isnan(s.cos),
	   "all 0: measures of shares are not defined");
	fl_spread(minus, n, 3, 0, &s, NULL);
	is_near(s.mean, 2. / 3, 1e-15, "below 0: the mean is");
	ok(isnan(s.jain) && isnan(s.gini) && isnan(s.entropy) && isnan(s.cos),
	   "below 0: measures of shares are not defined");
	fl_spread(bad, n, 3, 1, &s, NULL);
	ok(isnan(s.weighted) && isnan(s.mean) && isnan(s.min) && isnan(s.jain), "NaN: nothing is known");
	fl_spread(inf, n, 3, 1, &s, NULL);
	ok(isnan(s.weighted) && isnan(s.worst10), "infinite: nothing is known");
	fl_spread(big, n, 3, 1, &s, NULL);
	is_near(s.jain, 1, 1e-15, "large values do not overflow jain");
	fl_spread(tiny, n, 3, 1, &s, NULL);
	is_near(s.jain, 25. / 33, 1e-15, "small values do not vanish in jain");
}

/* Values that are equal but for rounding. */
static void test_range(void)
{
	double v[10], n[10];
	struct fl_spread s;
	struct fl_rng r;
	int wrong = 0;

	fl_rng_init(&r, 1, 0, 0, FL_RNG_DATA, 0);
	for (int t = 0; t < 1000; t++) {
		for (size_t i = 0; i < 10; i++) {
			v[i] = 0.7 * (1 + fl_rng_real(&r) * 1e-15);
			n[i] = 1;
		}
		fl_spread(v, n, 10, 1, &s, NULL);
		wrong += !(s.jain <= 1) + !(s.cos <= 1) + !(s.gini >= 0);
	}
	is_int(wrong, 0, "cosines above 1, or their kin");
}

static double batch(const char *metric, const float *z, const float *lse, const int32_t *y,
                    size_t B, size_t C)
{
	const struct fl_metric *m =
		(const struct fl_metric *)fl_family_find(&fl_family_metric, metric);

	return m->batch(NULL, z, lse, y, B, C);
}

static void test_batch(void)
{
	const float z[] = { 1, 2, 0,   3, 3, 1,   3, 3, 1,   NAN, 0, 0,   0, NAN, 1,   NAN, 0, 0 };
	const float even[] = { 5, 5, 5, 5 };
	static const int32_t y[] = { 1, 0, 1, 0, 2, 1 }, first[] = { 3 };
	float p[4], lse[1];

	is_near(batch("accuracy", z, NULL, y, 6, 3), 2, 0,
	        "largest logit wins, the lowest of equals, NaN never");
	fl_softmax_rows(even, p, lse, 1, 4);
	is_near(batch("nll", even, lse, first, 1, 4), log(4), 1e-6, "nll of even logits is ln C");
}

/* Logits whose largest is p's; all NaN where p is -1. */
static void logits_of(int p, float *z, int C)
{
	for (int c = 0; c < C; c++)
		z[c] = p < 0 ? NAN : c == p ? 2 : (float)c / (float)C;
}

static double counts_value(const char *metric, const uint64_t *n, size_t C)
{
	return ((const struct fl_metric *)fl_family_find(&fl_family_metric, metric))->counts(NULL, n, C);
}

/* precision and recall are 0 where scikit-learn has nothing to divide by. */
static double or_zero(double v)
{
	return isnan(v) ? 0 : v;
}

static void test_classes(void)
{
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		size_t C = (size_t)classes[i].C;
		uint64_t n[7 * 8] = { 0 };
		int32_t y;
		float z[7];

		for (int k = 0; k < classes[i].n; k++) {
			y = classes[i].y[k];
			logits_of(classes[i].p[k], z, classes[i].C);
			fl_confusion_add(n, z, &y, 1, C);
		}
		is_near(counts_value("f1", n, C), classes[i].f1, 1e-15, "macro-F1");
		is_near(counts_value("balanced", n, C), classes[i].balanced, 1e-15, "balanced accuracy");
		for (size_t c = 0; c < C * (C + 1); c++)
			if (n[c] != (uint64_t)classes[i].counts[c])
				ok(0, "case %zu: cell %zu is %d", i, c, (int)n[c]);
		for (size_t c = 0; c < C; c++) {
			struct fl_class k = fl_confusion_class(n, C, c);

			is_near(or_zero(k.recall), classes[i].recall[c], 1e-15, "recall");
			is_near(or_zero(k.precision), classes[i].precision[c], 1e-15, "precision");
			is_near(or_zero(k.f1), classes[i].by_class[c], 1e-15, "F1");
		}
	}
}

int main(void)
{
	test_classes();
	test_golden();
	test_order();
	test_undefined();
	test_range();
	test_batch();
	return tap_done();
}
