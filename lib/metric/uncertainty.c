/* Answers ordered by uncertainty. */
#include "metric/uncertainty.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/par.h"
#include "base/rng.h"

#define F(member) offsetof(struct fl_doubt, member)
const struct fl_doubt_field fl_doubt_fields[FL_DOUBT_FIELDS] = {
	{ "spearman", "rank correlation of bin and quality; ideal -1", F(spearman) },
	{ "r2", "of the straight line through the bins' qualities", F(r2) },
	{ "s_r2", "-spearman r2; ideal 1", F(s_r2) },
	{ "pearson", "correlation of bin and quality", F(pearson) },
	{ "aurc", "area under the curve of risk against coverage", F(aurc) },
	{ "eaurc", "aurc above its asymptotic optimum", F(eaurc) },
	{ "eaurc_finite", "aurc above the least that these answers can have", F(eaurc_finite) },
	{ "risk@80", "risk of the 80 % most certain", F(risk_80) },
	{ "risk@90", "risk of the 90 % most certain", F(risk_90) },
	{ "risk@95", "risk of the 95 % most certain", F(risk_95) },
	{ "coverage@1", "largest coverage with a risk of at most 1 %", F(coverage_1) },
	{ "coverage@5", "largest coverage with a risk of at most 5 %", F(coverage_5) },
	{ "auroc", "of uncertainty, telling wrong answers from right ones", F(auroc) },
	{ "fpr95", "wrong answers kept where 95 % of the right ones are", F(fpr95) },
	{ "aupr_success", "average precision at finding right answers", F(aupr_success) },
	{ "aupr_error", "average precision at finding wrong answers", F(aupr_error) },
};
#undef F

/* --- answers, most certain first --- */

struct answers {
	double *u, *y;		/* (n) */
	size_t n;
};

struct keyed {
	double u;
	size_t i;
};

static int by_u(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->u != y->u)
		return x->u < y->u ? -1 : 1;
	return (x->i > y->i) - (x->i < y->i);
}

static int check(const double *u, const double *y, size_t n, struct fl_err *e)
{
	for (size_t i = 0; i < n; i++)
		if (isnan(u[i]) || !(y[i] >= 0 && y[i] <= 1))
			return fl_fail(e, FL_EDATA, "answer %zu: uncertainty %g, quality %g", i, u[i], y[i]);
	return 0;
}

static int answers_init(struct answers *a, size_t n, struct fl_err *e)
{
	a->n = n;
	a->u = fl_alloc(n, sizeof *a->u, e);
	a->y = fl_alloc(n, sizeof *a->y, e);
	return a->u && a->y ? 0 : -1;
}

static void answers_release(struct answers *a)
{
	free(a->u);
	free(a->y);
	*a = (struct answers){ .n = 0 };
}

static int sort_answers(struct answers *a, const double *u, const double *y, size_t n,
                        struct fl_err *e)
{
	struct keyed *k;

	if (check(u, y, n, e) || answers_init(a, n, e) || !(k = fl_alloc(n, sizeof *k, e)))
		return -1;
	for (size_t i = 0; i < n; i++)
		k[i] = (struct keyed){ u[i], i };
	qsort(k, n, sizeof *k, by_u);
	for (size_t i = 0; i < n; i++) {
		a->u[i] = k[i].u;
		a->y[i] = y[k[i].i];
	}
	free(k);
	return 0;
}

/* One past the last answer that is as certain as i. */
static size_t tie_end(const struct answers *a, size_t i)
{
	double u = a->u[i];

	while (i < a->n && a->u[i] <= u)
		i++;
	return i;
}

static double sum_risk(const struct answers *a, size_t begin, size_t end)
{
	double sum = 0;

	for (size_t i = begin; i < end; i++)
		sum += 1 - a->y[i];
	return sum;
}

/* --- bins --- */

static void fill_bins(const struct answers *a, size_t bins, struct fl_bin *bin)
{
	size_t size = bins ? a->n / bins : 0;

	for (size_t b = 0; b < bins; b++) {
		size_t at = b * size;

		bin[b] = (struct fl_bin){ .n = size, .lo = a->u[at], .hi = a->u[at + size - 1] };
		for (size_t i = at; i < at + size; i++) {
			bin[b].u += a->u[i];
			bin[b].y += a->y[i];
		}
		bin[b].u /= (double)size;
		bin[b].y /= (double)size;
	}
}

static double quality(const struct fl_bin *bin, size_t bins, size_t b)
{
	(void)bins;
	return bin[b].y;
}

/* From 1, equal ones share the mean of theirs. */
static double average_rank(const struct fl_bin *bin, size_t bins, size_t b)
{
	double below = 0, equal = 0;

	for (size_t i = 0; i < bins; i++) {
		below += bin[i].y < bin[b].y;
		equal += bin[i].y <= bin[b].y && bin[i].y >= bin[b].y;
	}
	return below + (equal + 1) / 2;
}

/* Of b and v(b); NAN where v is constant. */
static double correlation(double (*v)(const struct fl_bin *, size_t, size_t),
                          const struct fl_bin *bin, size_t bins)
{
	double mean = 0, xy = 0, xx = 0, yy = 0, middle = ((double)bins - 1) / 2;
	int constant = 1;

	for (size_t b = 0; b < bins; b++) {
		constant &= bin[b].y <= bin[0].y && bin[b].y >= bin[0].y;
		mean += v(bin, bins, b) / (double)bins;
	}
	for (size_t b = 0; b < bins; b++) {
		double x = (double)b - middle, y = v(bin, bins, b) - mean;

		xy += x * y;
		xx += x * x;
		yy += y * y;
	}
	return constant ? NAN : xy / sqrt(xx * yy);
}

/* bins 0: too few answers to fill them. */
static void over_bins(const struct fl_bin *bin, size_t bins, struct fl_doubt *out)
{
	if (!bins) {
		out->spearman = out->pearson = out->r2 = out->s_r2 = NAN;
		return;
	}
	out->spearman = correlation(average_rank, bin, bins);
	out->pearson = correlation(quality, bin, bins);
	out->r2 = out->pearson * out->pearson;
	out->s_r2 = -out->spearman * out->r2;
}

/* --- risk against coverage --- */

static double area(const struct answers *a)
{
	double risk = 0, sum = 0;

	for (size_t i = 0, end; i < a->n; i = end) {
		double tie, size;

		end = tie_end(a, i);
		tie = sum_risk(a, i, end);
		size = (double)(end - i);
		for (size_t k = i; k < end; k++)
			sum += (risk + tie * (double)(k + 1 - i) / size) / (double)(k + 1);
		risk += tie;
	}
	return sum / (double)a->n;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The area where uncertainty orders answers as well as can be: risks ascend. sorted(n)
 * is room. */
static double least_area(const struct answers *a, double *sorted)
{
	double risk = 0, sum = 0;

	for (size_t i = 0; i < a->n; i++)
		sorted[i] = 1 - a->y[i];
	qsort(sorted, a->n, sizeof *sorted, ascending);
	for (size_t i = 0; i < a->n; i++) {
		risk += sorted[i];
		sum += risk / (double)(i + 1);
	}
	return sum / (double)a->n;
}

/* The same for n answers of which m are wrong. */
static double least_area_of(size_t n, size_t m)
{
	double sum = 0;

	for (size_t i = 1; i <= m; i++)
		sum += (double)i / (double)(n - m + i);
	return sum / (double)n;
}

static double risk_of_first(const struct answers *a, size_t n)
{
	double risk = 0;

	for (size_t i = 0, end;; i = end) {
		double tie;

		end = tie_end(a, i);
		tie = sum_risk(a, i, end);
		if (end >= n)
			return (risk + tie * (double)(n - i) / (double)(end - i)) / (double)n;
		risk += tie;
	}
}

static double risk_at(const struct answers *a, size_t percent)
{
	/* ceil(percent n / 100) without overflow. */
	return risk_of_first(a, a->n / 100 * percent + (a->n % 100 * percent + 99) / 100);
}

static double coverage_at(const struct answers *a, double most)
{
	double risk = 0;
	size_t best = 0;

	for (size_t i = 0, end; i < a->n; i = end) {
		end = tie_end(a, i);
		risk += sum_risk(a, i, end);
		if (risk <= most * (double)end)
			best = end;
	}
	return (double)best / (double)a->n;
}

static void over_coverage(const struct answers *a, double *room, struct fl_doubt *out)
{
	double r = sum_risk(a, 0, a->n) / (double)a->n;
	size_t wrong = 0, graded = 0;

	for (size_t i = 0; i < a->n; i++) {
		wrong += a->y[i] <= 0;
		graded += a->y[i] > 0 && a->y[i] < 1;
	}
	out->aurc = area(a);
	out->eaurc = graded ? NAN : out->aurc - (r + (r < 1 ? (1 - r) * fl_log1p(-r) : 0));
	out->eaurc_finite = out->aurc - (graded ? least_area(a, room) : least_area_of(a->n, wrong));
	out->risk_80 = risk_at(a, 80);
	out->risk_90 = risk_at(a, 90);
	out->risk_95 = risk_at(a, 95);
	out->coverage_1 = coverage_at(a, 0.01);
	out->coverage_5 = coverage_at(a, 0.05);
}

/* --- right against wrong --- */

static size_t count_wrong(const struct answers *a, size_t begin, size_t end)
{
	size_t n = 0;

	for (size_t i = begin; i < end; i++)
		n += a->y[i] < 0.5;
	return n;
}

static struct fl_apart tell(const struct answers *a)
{
	double W = (double)count_wrong(a, 0, a->n), R = (double)a->n - W, right = 0, wrong = 0, pairs = 0;
	struct fl_apart out = { NAN, NAN };

	if (!(W > 0 && R > 0))
		return out;
	for (size_t i = 0, end; i < a->n; i = end) {
		double w, r;

		end = tie_end(a, i);
		w = (double)count_wrong(a, i, end);
		r = (double)(end - i) - w;
		pairs += w * (right + r / 2);
		if (isnan(out.fpr95) && right + r >= 0.95 * R)
			out.fpr95 = (wrong + w * (0.95 * R - right) / r) / W;
		right += r;
		wrong += w;
	}
	out.auroc = pairs / (W * R);
	return out;
}

/* Average precision: finding the right answers, the most certain first. */
static double find_right(const struct answers *a)
{
	double R = (double)(a->n - count_wrong(a, 0, a->n)), right = 0, sum = 0;

	for (size_t i = 0, end; i < a->n; i = end) {
		double r;

		end = tie_end(a, i);
		r = (double)(end - i - count_wrong(a, i, end));
		right += r;
		sum += r * right / (double)end;
	}
	return R > 0 ? sum / R : NAN;
}

/* Finding the wrong ones, the least certain first. */
static double find_wrong(const struct answers *a)
{
	double W = (double)count_wrong(a, 0, a->n), wrong = 0, sum = 0;

	for (size_t end = a->n, i; end > 0; end = i) {
		double w;

		for (i = end - 1; i > 0 && a->u[i - 1] >= a->u[end - 1]; i--)
			;
		w = (double)count_wrong(a, i, end);
		wrong += w;
		sum += w * wrong / (double)(a->n - i);
	}
	return W > 0 ? sum / W : NAN;
}

static void over_outcome(const struct answers *a, struct fl_doubt *out)
{
	struct fl_apart t = tell(a);

	out->auroc = t.auroc;
	out->fpr95 = t.fpr95;
	out->aupr_success = find_right(a);
	out->aupr_error = find_wrong(a);
}

/* --- all of it --- */

static void set_field(struct fl_doubt *d, size_t f, double v)
{
	*(double *)(void *)((char *)d + fl_doubt_fields[f].off) = v;
}

static void measure(const struct answers *a, size_t bins, struct fl_bin *bin, double *room,
                    struct fl_doubt *out)
{
	bins = a->n < bins ? 0 : bins;
	for (size_t f = 0; !a->n && f < FL_DOUBT_FIELDS; f++)
		set_field(out, f, NAN);
	if (!a->n)
		return;
	fill_bins(a, bins, bin);
	over_bins(bin, bins, out);
	over_coverage(a, room, out);
	over_outcome(a, out);
}

static int check_bins(size_t bins, struct fl_err *e)
{
	return bins < 2 ? fl_fail(e, FL_EDATA, "%zu bins, want at least 2", bins) : 0;
}

int fl_doubt(const double *u, const double *y, size_t n, size_t bins, struct fl_doubt *out,
             struct fl_bin *bin, struct fl_err *e)
{
	struct answers a = { .n = 0 };
	struct fl_bin *own = NULL;
	double *room = NULL;
	int rc = -1;

	if (!check_bins(bins, e) && !sort_answers(&a, u, y, n, e) &&
	    (room = fl_alloc(n, sizeof *room, e)) && (own = fl_alloc(bins, sizeof *own, e))) {
		measure(&a, bins, own, room, out);
		if (bin && n >= bins)
			memcpy(bin, own, bins * sizeof *bin);
		rc = 0;
	}
	answers_release(&a);
	free(room);
	free(own);
	return rc;
}

int fl_risk_curve(const double *u, const double *y, size_t n, double *coverage, double *risk,
                  size_t *points, struct fl_err *e)
{
	struct answers a = { .n = 0 };
	double sum = 0;
	int rc = sort_answers(&a, u, y, n, e);

	*points = 0;
	for (size_t i = 0, end; !rc && i < n; i = end) {
		end = tie_end(&a, i);
		sum += sum_risk(&a, i, end);
		coverage[*points] = (double)end / (double)n;
		risk[(*points)++] = sum / (double)end;
	}
	answers_release(&a);
	return rc;
}

static void add_numbers(struct fl_str *out, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fl_str_addc(out, '\t');
		fl_str_addnum(out, v[i]);
	}
	fl_str_addc(out, '\n');
}

static void add_lines(struct fl_str *out, const char *name, const struct fl_bin *bin, size_t bins,
                      const double *coverage, const double *risk, size_t points)
{
	for (size_t b = 0; b < bins; b++) {
		fl_str_addf(out, "bin\t%s\t%zu", name, bin[b].n);
		add_numbers(out, (const double[]){ bin[b].u, bin[b].y, bin[b].lo, bin[b].hi }, 4);
	}
	for (size_t i = 0; i < points; i++) {
		fl_str_addf(out, "risk\t%s", name);
		add_numbers(out, (const double[]){ coverage[i], risk[i] }, 2);
	}
}

int fl_doubt_lines(const char *name, const double *u, const double *y, size_t n, size_t bins,
                   struct fl_str *out, struct fl_err *e)
{
	struct fl_arena a = { 0 };
	double *coverage = fl_arena_get(&a, n, sizeof *coverage, e);
	double *risk = fl_arena_get(&a, n, sizeof *risk, e);
	struct fl_bin *bin = fl_arena_get(&a, bins, sizeof *bin, e);
	struct fl_doubt d;
	size_t points;
	int rc = -1;

	if (coverage && risk && bin && !fl_doubt(u, y, n, bins, &d, bin, e) &&
	    !fl_risk_curve(u, y, n, coverage, risk, &points, e)) {
		add_lines(out, name, bin, n < bins ? 0 : bins, coverage, risk, points);
		rc = 0;
	}
	fl_arena_release(&a);
	return rc;
}

int fl_tell_apart(const double *first, size_t n, const double *second, size_t m,
                  struct fl_apart *out, struct fl_err *e)
{
	struct answers a = { .n = 0 };
	struct keyed *k = NULL;
	size_t both;
	int rc = fl_add(n, m, &both) || !(k = fl_alloc(both ? both : 1, sizeof *k, e)) ||
	         answers_init(&a, both, e) ? -1 : 0;

	for (size_t i = 0; !rc && i < both; i++) {
		k[i] = (struct keyed){ i < n ? first[i] : second[i - n], i };
		if (isnan(k[i].u))
			rc = fl_fail(e, FL_EDATA, "score %zu of %zu and %zu is not a number", i, n, m);
	}
	if (!rc) {
		qsort(k, both, sizeof *k, by_u);
		for (size_t i = 0; i < both; i++) {
			a.u[i] = k[i].u;
			a.y[i] = k[i].i < n;
		}
		*out = tell(&a);
	}
	answers_release(&a);
	free(k);
	return rc;
}

/* --- resamples --- */

struct room {
	struct answers a;
	uint32_t *times;	/* (n) how often each answer was drawn */
	struct fl_bin *bin;
	double *sorted;
};

struct boot {
	const struct answers *all;	/* sorted */
	const struct fl_doubt_boot *b;
	size_t bins;
	struct room *room;		/* (threads) */
	struct fl_doubt *value;		/* (resamples) */
};

static int room_init(struct room *r, size_t n, size_t bins, struct fl_err *e)
{
	return answers_init(&r->a, n, e) || !(r->times = fl_alloc(n, sizeof *r->times, e)) ||
	       !(r->bin = fl_alloc(bins, sizeof *r->bin, e)) ||
	       !(r->sorted = fl_alloc(n, sizeof *r->sorted, e)) ? -1 : 0;
}

static void room_release(struct room *r)
{
	answers_release(&r->a);
	free(r->times);
	free(r->bin);
	free(r->sorted);
}

static int resample(void *ctx, size_t i, int thread, struct fl_err *e)
{
	struct boot *j = ctx;
	struct room *r = &j->room[thread];
	size_t n = j->all->n;
	struct fl_rng rng;

	(void)e;
	fl_rng_init(&rng, j->b->seed, 0, 0, FL_RNG_BOOTSTRAP, i);
	memset(r->times, 0, n * sizeof *r->times);
	for (size_t k = 0; k < n; k++)
		r->times[fl_rng_below(&rng, n)]++;
	for (size_t k = 0, at = 0; k < n; k++)
		for (uint32_t t = r->times[k]; t; t--, at++) {
			r->a.u[at] = j->all->u[k];
			r->a.y[at] = j->all->y[k];
		}
	measure(&r->a, j->bins, r->bin, r->sorted, &j->value[i]);
	return 0;
}

double fl_quantile(const double *v, size_t n, double q)
{
	double at = q * (double)(n - 1), below = floor(at);
	size_t i = (size_t)below;

	return i + 1 < n ? v[i] + (at - below) * (v[i + 1] - v[i]) : v[n - 1];
}

/* v(resamples) is room. */
static void percentiles(const struct boot *j, double *v, struct fl_doubt *lo, struct fl_doubt *hi)
{
	size_t n = j->b->resamples;

	for (size_t f = 0; f < FL_DOUBT_FIELDS; f++) {
		double any = 0;

		for (size_t i = 0; i < n; i++) {
			v[i] = fl_doubt_get(&j->value[i], f);
			any += v[i];
		}
		if (!isnan(any))
			qsort(v, n, sizeof *v, ascending);
		set_field(lo, f, isnan(any) ? NAN : fl_quantile(v, n, (1 - j->b->level) / 2));
		set_field(hi, f, isnan(any) ? NAN : fl_quantile(v, n, (1 + j->b->level) / 2));
	}
}

static int run_boot(struct boot *j, size_t threads, struct fl_doubt *lo, struct fl_doubt *hi,
                    struct fl_err *e)
{
	double *v = fl_alloc(j->b->resamples, sizeof *v, e);
	int rc = v ? 0 : -1;

	for (size_t t = 0; !rc && t < threads; t++)
		rc = room_init(&j->room[t], j->all->n, j->bins, e);
	if (!rc)
		rc = fl_par_for(j->b->resamples, (int)threads, j, resample, e);
	if (!rc)
		percentiles(j, v, lo, hi);
	free(v);
	return rc;
}

int fl_doubt_interval(const double *u, const double *y, size_t n, size_t bins,
                      const struct fl_doubt_boot *b, struct fl_doubt *lo, struct fl_doubt *hi,
                      struct fl_err *e)
{
	size_t threads = b->threads > 1 ? (size_t)b->threads : 1;
	struct answers a = { .n = 0 };
	struct boot j = { .all = &a, .b = b, .bins = bins };
	int rc = -1;

	if (!check_bins(bins, e) && !sort_answers(&a, u, y, n, e) &&
	    (j.room = fl_alloc(threads, sizeof *j.room, e)) &&
	    (j.value = fl_alloc(b->resamples, sizeof *j.value, e)))
		rc = run_boot(&j, threads, lo, hi, e);
	for (size_t t = 0; j.room && t < threads; t++)
		room_release(&j.room[t]);
	free(j.room);
	free(j.value);
	answers_release(&a);
	return rc;
}
