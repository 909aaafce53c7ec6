/* Uncertainty and calibration against scikit-learn, SciPy and NumPy, and by hand. */
#include "golden/metric/uncertainty.h"

#include "base/rng.h"
#include "metric/calibration.h"
#include "metric/uncertainty.h"
#include "tap.h"

/* Both not numbers, or near. */
static int near_or_nan(double actual, double expect, double tol, const char *what)
{
	if (isnan(expect))
		return ok(isnan(actual), "%s is not said", what);
	return is_near(actual, expect, tol, what);
}

static void test_golden(void)
{
	char what[64];

	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		struct fl_doubt d;

		is_int(fl_doubt(golden[i].u, golden[i].y, (size_t)golden[i].n, (size_t)golden[i].bins, &d,
		                NULL, NULL), 0, "measures");
		for (size_t f = 0; f < FL_DOUBT_FIELDS; f++) {
			snprintf(what, sizeof what, "case %zu: %s", i, fl_doubt_fields[f].name);
			near_or_nan(fl_doubt_get(&d, f), golden[i].want[f], 1e-12, what);
		}
	}
}

/* Ten bins of 100 answers with these shares right: a published series, with a tie. */
static void test_bins(void)
{
	static const double share[] = { .52, .50, .47, .48, .41, .40, .36, .33, .33, .25 };
	double u[1007], y[1007];
	struct fl_bin bin[10];
	struct fl_doubt d;

	for (size_t i = 0; i < 1007; i++) {
		u[i] = (double)i / 1000;
		y[i] = i < 1000 && (double)(i % 100) < 100 * share[i / 100] - 1e-9;
	}
	is_int(fl_doubt(u, y, 1007, 10, &d, bin, NULL), 0, "measures");
	is_near(d.spearman, -0.9848069808, 1e-10, "S");
	is_near(d.r2, 0.9597530379, 1e-10, "R2");
	is_near(d.s_r2, 0.9451714916, 1e-10, "-S R2");
	is_near(d.pearson, -sqrt(0.9597530379), 1e-10, "Pearson");
	is_near(bin[9].y, .25, 1e-15, "the last bin");
	is_near(bin[9].hi, .999, 1e-15, "leaves the remainder out");
	is_near(bin[3].u, .3495, 1e-12, "mean uncertainty");
	ok(bin[3].n == 100 && bin[3].lo <= .3 && bin[3].lo >= .3, "from its least");
}

/* u 1 2 2 3, right wrong right wrong. */
static void test_by_hand(void)
{
	static const double u[] = { 2, 1, 3, 2 }, y[] = { 0, 1, 0, 1 };
	double coverage[4], risk[4];
	struct fl_doubt d;
	size_t points;

	fl_doubt(u, y, 4, 2, &d, NULL, NULL);
	is_near(d.aurc, (0 + .25 + 1.0 / 3 + .5) / 4, 1e-15, "expected over the tie");
	is_near(d.eaurc, d.aurc - (.5 + .5 * log(.5)), 1e-15, "above the asymptotic optimum");
	is_near(d.eaurc_finite, d.aurc - (1.0 / 3 + .5) / 4, 1e-15, "above the optimum of four");
	is_near(d.auroc, (1 + 1 + .5 + 1) / 4, 1e-15, "half for the tie");
	is_near(d.risk_80, .5, 1e-15, "risk of four of four");
	is_near(d.coverage_5, .25, 1e-15, "one answer without risk");
	is_int(fl_risk_curve(u, y, 4, coverage, risk, &points, NULL), 0, "curve");
	is_int((long long)points, 3, "a point a different uncertainty");
	is_near(coverage[1], .75, 1e-15, "three answers");
	is_near(risk[1], 1.0 / 3, 1e-15, "of which one is wrong");
}

static void test_direction(void)
{
	double u[100], v[100], y[100];
	struct fl_doubt a, b;

	for (size_t i = 0; i < 100; i++) {
		u[i] = (double)i;
		v[i] = 1 / (1 + u[i]);
		y[i] = i * i < 5000;
	}
	fl_doubt(u, y, 100, 10, &a, NULL, NULL);
	fl_doubt(v, y, 100, 10, &b, NULL, NULL);
	ok(a.spearman < 0 && b.spearman > 0, "larger is less certain: the inverse turns the sign of S");
	is_near(a.spearman, -b.spearman, 1e-12, "and nothing else of it");
	is_near(a.auroc, 1 - b.auroc, 1e-12, "AUROC of the inverse");
}

static void test_refused(void)
{
	static const double u[] = { 1, NAN, 3 }, fine[] = { 1, 2, 3 };
	static const double y[] = { 0, 1, 1 }, beyond[] = { 0, 1, 1.5 };
	struct fl_err e = { 0 };
	struct fl_doubt d;

	is_int(fl_doubt(u, y, 3, 2, &d, NULL, &e), -1, "an uncertainty that is no number");
	is_str(e.msg, "answer 1: uncertainty nan, quality 1", "is named");
	is_int(e.code, FL_EDATA, "as bad data");
	is_int(fl_doubt(fine, beyond, 3, 2, &d, NULL, &e), -1, "a quality above 1");
	is_int(fl_doubt(fine, y, 3, 1, &d, NULL, &e), -1, "one bin");
	is_str(e.msg, "1 bins, want at least 2", "is refused");
}

/* What cannot be said is NAN; what can is as if nothing else were asked. */
static void test_little(void)
{
	static const double u[] = { 1, INFINITY, 3 }, large[] = { 1, 30, 3 }, y[] = { 1, 0, 1 };
	struct fl_doubt d, same;
	struct fl_doubt lo, hi;
	const struct fl_doubt_boot boot = { 20, .9, 1, 2 };
	struct fl_bin bin[4] = { { .n = 77 } };
	struct fl_str lines = FL_STR_INIT;

	is_int(fl_doubt(u, y, 3, 2, &d, NULL, NULL), 0, "an infinite uncertainty");
	fl_doubt(large, y, 3, 2, &same, NULL, NULL);
	ok(!memcmp(&d, &same, sizeof d), "is the least certain, no more");
	is_int(fl_doubt(u, y, 3, 4, &d, bin, NULL), 0, "more bins than answers");
	ok(isnan(d.spearman) && isnan(d.r2) && isnan(d.s_r2) && isnan(d.pearson), "nothing over bins");
	is_near(d.aurc, same.aurc, 0, "but the area");
	is_near(d.auroc, 1, 0, "and what tells failures");
	is_int((long long)bin[0].n, 77, "and no bin");
	is_int(fl_doubt_interval(u, y, 3, 4, &boot, &lo, &hi, NULL), 0, "intervals, too");
	ok(isnan(lo.pearson) && lo.aurc >= 0 && hi.aurc >= lo.aurc, "of what can be said");
	is_int(fl_doubt_lines("few", u, y, 3, 4, &lines, NULL), 0, "lines");
	is_str(fl_str_c(&lines), "risk\tfew\t0.3333333333333333\t0\nrisk\tfew\t0.6666666666666666\t0\n"
	       "risk\tfew\t1\t0.3333333333333333\n", "of the curve alone");
	fl_str_clear(&lines);
	is_int(fl_doubt_lines("none", u, y, 0, 4, &lines, NULL), 0, "of nothing");
	is_int((long long)lines.len, 0, "there are none");
	fl_str_release(&lines);
	is_int(fl_doubt(u, y, 0, 10, &d, NULL, NULL), 0, "no answers");
	for (size_t f = 0; f < FL_DOUBT_FIELDS; f++)
		ok(isnan(fl_doubt_get(&d, f)), "no %s", fl_doubt_fields[f].name);
}

static void test_interval(void)
{
	const struct fl_doubt_boot one = { 200, .95, 5, 1 }, three = { 200, .95, 5, 3 };
	const struct fl_doubt_boot other = { 200, .95, 6, 1 }, wide = { 200, .999, 5, 1 };
	struct fl_doubt lo, hi, lo3, hi3, d;
	double u[400], y[400];
	struct fl_rng r;

	fl_rng_init(&r, 1, 0, 0, FL_RNG_DATA, 0);
	for (size_t i = 0; i < 400; i++) {
		u[i] = fl_rng_real(&r);
		y[i] = fl_rng_real(&r) > u[i];
	}
	fl_doubt(u, y, 400, 10, &d, NULL, NULL);
	is_int(fl_doubt_interval(u, y, 400, 10, &one, &lo, &hi, NULL), 0, "interval");
	ok(lo.auroc < d.auroc && d.auroc < hi.auroc && lo.aurc < d.aurc && d.aurc < hi.aurc, "encloses");
	/* The error of an AUROC of 0.83 from about 200 against 200: Hanley and McNeil give .021. */
	ok(hi.auroc - lo.auroc > .06 && hi.auroc - lo.auroc < .11, "as wide as theory says: %g", hi.auroc - lo.auroc);
	fl_doubt_interval(u, y, 400, 10, &three, &lo3, &hi3, NULL);
	ok(!memcmp(&lo, &lo3, sizeof lo) && !memcmp(&hi, &hi3, sizeof hi), "the same from three threads");
	fl_doubt_interval(u, y, 400, 10, &other, &lo3, &hi3, NULL);
	ok(memcmp(&lo, &lo3, sizeof lo) != 0, "another from another seed");
	fl_doubt_interval(u, y, 400, 10, &wide, &lo3, &hi3, NULL);
	ok(lo3.aurc <= lo.aurc && hi3.aurc >= hi.aurc && lo3.aurc < hi3.aurc, "wider at a higher level");
	for (size_t i = 0; i < 400; i++)
		y[i] = 1;
	fl_doubt_interval(u, y, 400, 10, &one, &lo, &hi, NULL);
	ok(isnan(lo.auroc) && isnan(hi.spearman) && lo.aurc <= 0 && hi.aurc >= 0, "nothing said where nothing can be");
}

static void test_apart(void)
{
	static const double known[] = { 1, 2, 3, 4 }, unknown[] = { 3, 5, INFINITY }, bad[] = { NAN };
	struct fl_apart a;
	struct fl_err e = { 0 };

	is_int(fl_tell_apart(known, 4, unknown, 3, &a, NULL), 0, "two sets");
	is_near(a.auroc, (2 + .5 + 4 + 4) / 12, 1e-15, "pairs in order, half for the tie");
	/* Three of four and one of three at 3, four of four at 4: 95 % on the way between. */
	is_near(a.fpr95, 1.0 / 3, 1e-15, "one of three is kept");
	fl_tell_apart(known, 4, unknown, 0, &a, NULL);
	ok(isnan(a.auroc), "nothing to tell apart");
	is_int(fl_tell_apart(known, 4, bad, 1, &a, &e), -1, "a score that is no number");
	is_int(e.code, FL_EDATA, "is bad data");
}

static void test_calibration(void)
{
	static const double conf[] = { .5, 1.25 }, right[] = { 1, 0 };
	char what[64];
	struct fl_err e = { 0 };
	struct fl_calibration c;

	for (size_t i = 0; i < sizeof binned / sizeof *binned; i++) {
		const double *got = &c.ece;

		is_int(fl_calibration(binned[i].conf, binned[i].right, (size_t)binned[i].n,
		                      (size_t)binned[i].M, &c, NULL), 0, "calibration");
		for (size_t f = 0; f < 3; f++) {
			snprintf(what, sizeof what, "case %zu: %s", i, f ? f > 1 ? "ace" : "mce" : "ece");
			is_near(got[f], binned[i].want[f], 1e-13, what);
		}
	}
	is_int(fl_calibration(conf, right, 2, 15, &c, &e), -1, "a confidence above 1");
	is_str(e.msg, "prediction 1: confidence 1.25 is outside [0,1]", "is named");
	is_int(fl_calibration(conf, right, 0, 15, &c, &e), -1, "no predictions");
}

static void test_predictions(void)
{
	for (size_t i = 0; i < sizeof logits / sizeof *logits; i++) {
		size_t C = (size_t)logits[i].c;
		int top = 1, place = 1;
		double worst = 0;

		for (size_t k = 0; k < (size_t)logits[i].n; k++) {
			struct fl_forecast p;

			fl_forecast(logits[i].z + k * C, C, (size_t)logits[i].y[k], logits[i].beta, &p);
			top &= p.top == (size_t)logits[i].top[k];
			place &= p.place == (size_t)logits[i].place[k];
			worst = fmax(worst, fabs(p.conf - logits[i].conf[k]));
			worst = fmax(worst, fabs(p.nll - logits[i].nll[k]));
			worst = fmax(worst, fabs(p.brier - logits[i].brier[k]));
		}
		ok(top && place, "case %zu: class and place", i);
		is_near(worst, 0, 1e-13, "confidence, NLL, Brier");
	}
}

static double nll_at(size_t i, double beta)
{
	double sum = 0;

	for (size_t k = 0; k < (size_t)logits[i].n; k++) {
		struct fl_forecast p;

		fl_forecast(logits[i].z + k * (size_t)logits[i].c, (size_t)logits[i].c,
		           (size_t)logits[i].y[k], beta, &p);
		sum += p.nll;
	}
	return sum;
}

/* How the search ends. */
static enum fl_beta_end end_of(const float *z, const int32_t *y, size_t N, size_t C, double *beta)
{
	enum fl_beta_end end = FL_BETA_FOUND;

	is_int(fl_temperature(z, y, N, C, 1, beta, &end, NULL), 0, "temperature");
	return end;
}

static void test_temperature(void)
{
	for (size_t i = 0; i < sizeof logits / sizeof *logits; i++) {
		size_t n = (size_t)logits[i].n, C = (size_t)logits[i].c;
		enum fl_beta_end end;
		double beta, again;

		is_int(end_of(logits[i].z, logits[i].y, n, C, &beta), FL_BETA_FOUND, "there is one");
		is_near(beta, logits[i].best, 1e-6, "SciPy's minimum");
		ok(nll_at(i, beta) <= nll_at(i, beta * (1 + 1e-6)) && nll_at(i, beta) <= nll_at(i, beta * (1 - 1e-6)),
		   "no neighbour is better");
		fl_temperature(logits[i].z, logits[i].y, n, C, 3, &again, &end, NULL);
		ok(!memcmp(&again, &beta, sizeof beta), "the same from three threads");
	}
}

static void test_no_temperature(void)
{
	static const float apart[] = { 3, 1, 0, 2 }, flat[] = { 1, 1, 1, 1 }, near[] = { 1, 1, 0, 2 };
	static const float far[] = { 0, 700, 700, 0 }, tight[] = { 1, 0.99999994f, 0, 1 }, one[] = { 4, 2 };
	static const int32_t y[] = { 0, 1 }, turned[] = { 1, 0 }, zero[] = { 0, 0 };
	enum fl_beta_end end;
	double beta;

	is_int(end_of(apart, y, 2, 2, &beta), FL_BETA_CERTAIN, "all right: as sharp as can be");
	ok(isnan(beta), "no number");
	is_int(end_of(near, y, 2, 2, &beta), FL_BETA_CERTAIN, "or as likely as another");
	is_int(end_of(far, y, 2, 2, &beta), FL_BETA_CHANCE, "all wrong, by more than exp can tell");
	is_int(end_of(far, turned, 2, 2, &beta), FL_BETA_CERTAIN, "all right by as much");
	is_int(end_of(far, zero, 2, 2, &beta), FL_BETA_CHANCE, "one right, one as wrong");
	is_int(end_of(tight, (const int32_t[]){ 1, 1 }, 2, 2, &beta), FL_BETA_FOUND, "wrong by the least");
	ok(beta > 10 && beta < 20, "%g", beta);
	is_int(end_of(apart, turned, 2, 2, &beta), FL_BETA_CHANCE, "all wrong: as flat as can be");
	is_int(end_of(flat, y, 2, 2, &beta), FL_BETA_CHANCE, "nothing to go by");
	is_int(end_of(one, zero, 2, 1, &beta), FL_BETA_CHANCE, "one class");
	is_int(fl_temperature(flat, y, 0, 2, 1, &beta, &end, NULL), -1, "no examples");
}

int main(void)
{
	test_golden();
	test_bins();
	test_by_hand();
	test_direction();
	test_refused();
	test_little();
	test_interval();
	test_apart();
	test_calibration();
	test_predictions();
	test_temperature();
	test_no_temperature();
	return tap_done();
}
