/* Metrics of clients and of all their examples together against scikit-learn's and NumPy's,
 * and statistics over clients. */
#include "golden/metric/classes.h"
#include "golden/metric/clients.h"
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

/* --- metrics at work --- */

static const char *called(const void *data, int64_t group)
{
	(void)data;
	return group == 7 ? "seven" : NULL;
}

/* A metric by its spec on examples in batches of `step`; the room stays in a. */
struct work {
	struct fl_spec spec;
	struct fl_metric_ctx c;
	struct fl_arena a;
};

static const struct fl_metric *metric_of(const struct work *w)
{
	return (const struct fl_metric *)w->spec.entry;
}

static void start(struct work *w, const char *spec, size_t C, size_t n)
{
	memset(w, 0, sizeof *w);
	fl_spec_parse(&fl_family_metric, spec, &w->a, &w->spec, NULL);
	w->c = (struct fl_metric_ctx){ .C = C, .n = n, .called = called, .arena = &w->a };
	if (metric_of(w)->begin)
		metric_of(w)->begin(w->spec.p, &w->c, NULL);
}

static void feed(struct work *w, const float *z, const int32_t *y, const int64_t *group, size_t step)
{
	float p[64 * 8], lse[64];
	size_t C = w->c.C;

	for (size_t i = 0; i < w->c.n; i += step) {
		size_t B = w->c.n - i < step ? w->c.n - i : step;
		struct fl_metric_batch b = {
			.first = i, .B = B, .y = y + i, .z = z + i * C, .lse = lse, .group = group + i,
		};

		fl_softmax_rows(b.z, p, lse, B, C);
		if (metric_of(w)->batch)
			metric_of(w)->batch(w->spec.p, &w->c, &b, NULL);
	}
}

/* -1: the examples do not say it. */
static double value(struct work *w)
{
	double v = w->c.sum / (double)w->c.n;
	int rc = metric_of(w)->end ? metric_of(w)->end(w->spec.p, &w->c, &v, NULL) : 0;

	return rc ? -1 : v;
}

static double measure(const char *spec, const float *z, const int32_t *y, size_t n, size_t C)
{
	static const int64_t group[64];
	struct work w;
	double v;

	start(&w, spec, C, n);
	feed(&w, z, y, group, 64);
	v = value(&w);
	fl_arena_release(&w.a);
	return v;
}

static void test_batch(void)
{
	const float z[] = { 1, 2, 0,   3, 3, 1,   3, 3, 1,   NAN, 0, 0,   0, NAN, 1,   NAN, 0, 0 };
	const float even[] = { 5, 5, 5, 5 };
	static const int32_t y[] = { 1, 0, 1, 0, 2, 1 }, first[] = { 3 };
	float huge[] = { INFINITY, 0, 0 };

	is_near(measure("accuracy", z, y, 6, 3), 2. / 6, 0,
	        "largest logit wins, the lowest of equals, NaN never");
	is_near(measure("top@1", z, y, 6, 3), 2. / 6, 0, "top@1 is accuracy");
	is_near(measure("top@3", z, y, 6, 3), 3. / 6, 0, "a logit that is no number is never right");
	is_near(measure("nll", even, first, 1, 4), log(4), 1e-6, "nll of even logits is ln C");
	ok(isnan(measure("ece", z, y, 6, 3)) && isnan(measure("auc", z, y, 6, 3)) &&
	   isnan(measure("brier", z, y, 6, 3)) && isnan(measure("quantile", z, y, 6, 3)),
	   "with a logit that is no number, what is made of probabilities is none");
	is_near(measure("auc", even, first, 1, 4), -1, 0, "one class alone: no AUC");
	ok(isnan(measure("ece", huge, y, 1, 3)), "infinite logits have no confidence");
}

/* Logits whose largest is p's; all NaN where p is -1. */
static void logits_of(int p, float *z, int C)
{
	for (int c = 0; c < C; c++)
		z[c] = p < 0 ? NAN : c == p ? 2 : (float)c / (float)C;
}

static double counts_value(const char *metric, const uint64_t *n, size_t C)
{
	struct work w;
	double v;

	start(&w, metric, C, 1);
	w.c.counts = n;
	v = value(&w);
	fl_arena_release(&w.a);
	return v;
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

#define NCLIENT (sizeof clients / sizeof *clients - 1)	/* the last is all of them */

static void feed_client(struct work *w, const char *spec, size_t k, size_t step)
{
	int32_t y[40];
	int64_t g[40];

	for (int i = 0; i < clients[k].n; i++) {
		y[i] = clients[k].y[i];
		g[i] = clients[k].g[i];
	}
	start(w, spec, 4, (size_t)clients[k].n);
	feed(w, clients[k].z, y, g, step);
}

/* Metric m of each client, and of all of them pooled from the first-th on: the same bits
 * whichever comes first. */
static double test_pool(size_t m, size_t first)
{
	struct work w[NCLIENT];
	char spec[64], what[96];
	double v;

	snprintf(spec, sizeof spec, strncmp(client_metric[m], "ece@", 4) ? "%s" : "ece:bins=%s",
	         client_metric[m] + (strncmp(client_metric[m], "ece@", 4) ? 0 : 4));
	for (size_t k = 0; k < NCLIENT; k++) {
		feed_client(&w[k], spec, k, 5);
		snprintf(what, sizeof what, "client %zu: %s", k, spec);
		is_near(value(&w[k]), clients[k].want[m], 1e-6, what);
	}
	for (size_t i = 1; i < NCLIENT && metric_of(w)->pool; i++) {
		struct work *next = &w[(first + i) % NCLIENT];

		metric_of(w)->pool(w->spec.p, &w[first].c, &next->c, NULL);
		w[first].c.n += next->c.n;
	}
	v = value(&w[first]);
	snprintf(what, sizeof what, "all clients: %s", spec);
	if (metric_of(w)->pool)
		is_near(v, clients[NCLIENT].want[m], 1e-6, what);
	for (size_t k = 0; k < NCLIENT; k++)
		fl_arena_release(&w[k].a);
	return v;
}

static void test_clients(void)
{
	for (size_t m = 0; m < sizeof client_metric / sizeof *client_metric; m++) {
		double a = test_pool(m, 0), b = test_pool(m, 2);

		if (strcmp(client_metric[m], "brier") && strcmp(client_metric[m], "top@2"))
			ok(!memcmp(&a, &b, sizeof a), "%s: the order of clients shows nowhere", client_metric[m]);
	}
}

static void test_groups(void)
{
	struct work a, b;

	feed_client(&a, "group@7", NCLIENT, 40);
	feed_client(&b, "group@seven", NCLIENT, 40);
	is_near(value(&b), value(&a), 0, "a group by its name");
	fl_arena_release(&a.a);
	fl_arena_release(&b.a);
}

int main(void)
{
	test_classes();
	test_golden();
	test_order();
	test_undefined();
	test_range();
	test_batch();
	test_clients();
	test_groups();
	return tap_done();
}
