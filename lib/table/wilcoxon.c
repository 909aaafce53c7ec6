/* The signed-rank test: the exact distribution of the sum of positive ranks for up to EXACT
 * differences, ties included, by counting; beyond, the normal one. */
#include <math.h>
#include <stdlib.h>

#include "table/sample.h"
#include "table/student.h"

#define EXACT 50

struct fl_magnitude {
	double size;
	int positive;
	size_t twice;		/* twice its rank, ties sharing the mean of theirs */
};

static int by_size(const void *pa, const void *pb)
{
	const struct fl_magnitude *a = pa, *b = pb;

	return (a->size > b->size) - (a->size < b->size);
}

/* Ranks of m(n) by size; sum of t^3 - t over ties of t. */
static double rank_sizes(struct fl_magnitude *m, size_t n)
{
	double ties = 0;

	qsort(m, n, sizeof *m, by_size);
	for (size_t i = 0, j; i < n; i = j) {
		double t;

		for (j = i; j < n && !(m[j].size > m[i].size); j++)
			;
		for (size_t k = i; k < j; k++)
			m[k].twice = i + j + 1;	/* ranks i+1 .. j */
		t = (double)(j - i);
		ties += t * t * t - t;
	}
	return ties;
}

/* Two-sided: twice the smaller tail of the 2^n signs, as shares. */
static int count_signs(const struct fl_magnitude *m, size_t n, double *out, struct fl_err *e)
{
	size_t total = 0, observed = 0, top = 0;
	double *share, below = 0, above = 0;

	for (size_t i = 0; i < n; i++) {
		total += m[i].twice;
		observed += m[i].positive ? m[i].twice : 0;
	}
	if (!(share = fl_alloc(total + 1, sizeof *share, e)))
		return -1;
	share[0] = 1;
	for (size_t i = 0; i < n; i++) {
		top += m[i].twice;
		for (size_t s = top + 1; s-- > 0;)
			share[s] = (share[s] + (s >= m[i].twice ? share[s - m[i].twice] : 0)) / 2;
	}
	for (size_t s = 0; s <= total; s++) {
		below += s <= observed ? share[s] : 0;
		above += s >= observed ? share[s] : 0;
	}
	*out = fmin(1, 2 * fmin(below, above));
	free(share);
	return 0;
}

static double use_normal(const struct fl_magnitude *m, size_t n, double ties)
{
	double w = 0, k = (double)n;

	for (size_t i = 0; i < n; i++)
		w += m[i].positive ? (double)m[i].twice / 2 : 0;
	return fl_normal_tails((w - k * (k + 1) / 4) /
	                       sqrt(k * (k + 1) * (2 * k + 1) / 24 - ties / 48));
}

static int find_probability(const void *p, const struct fl_values *d, double *out, struct fl_err *e)
{
	struct fl_magnitude *m = fl_alloc(d->n + 1, sizeof *m, e);
	size_t n = 0;
	double ties;
	int rc = 0;

	(void)p;
	if (!m)
		return -1;
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i] > 0 || d->v[i] < 0)
			m[n++] = (struct fl_magnitude){ .size = fabs(d->v[i]), .positive = d->v[i] > 0 };
	ties = rank_sizes(m, n);
	if (!n)
		*out = d->n ? 1 : NAN;
	else if (n <= EXACT)
		rc = count_signs(m, n, out, e);
	else
		*out = use_normal(m, n, ties);
	free(m);
	return rc;
}

const struct fl_test fl_test_wilcoxon = {
	.e = {
		.name = "wilcoxon",
		.title = "Wilcoxon signed-rank test",
		.cite = "Wilcoxon, Biometrics Bulletin 1 (1945); Demsar, JMLR 7 (2006)",
		.doc = "of differences by their ranks, as over data sets or clients",
		.formula = "W = sum of the ranks of |d| where d > 0, differences of 0 left out, ties sharing "
		           "their mean rank; p = 2 min(P(W <= w), P(W >= w)) over all 2^n signs for n <= 50, "
		           "beyond normal with mean n(n+1)/4 and variance n(n+1)(2n+1)/24 - sum(t^3-t)/48",
		.note = "Below 6 differences p is never under 0.05.",
	},
	.probability = find_probability,
};
