/* Symmetric eigenproblems: the definition, NumPy's numbers (test/golden/eigen/make.py),
 * and the same bits at every instruction set. */
#define _DEFAULT_SOURCE
#include <float.h>
#include <stdint.h>

#include "each.h"
#include "kernel/eigen.h"

#define MAX 15		/* of the golden matrices */
#define BIG 61

struct golden {
	const char *name;
	size_t n;
	double a[MAX * MAX], w[MAX], v[MAX * MAX];
};

static const struct golden golden[] = {
#include "golden/eigen/eigen.inc"
};

static double a[BIG * BIG], kept[BIG * BIG], w[BIG], v[BIG * BIG];

/* The decomposition of kept, whose upper triangle it must not need. */
static int solve(size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			a[i * n + j] = j <= i ? kept[i * n + j] : NAN;
	return fl_eigen(a, n, w, v, NULL);
}

/* Largest residual over the largest |w|. */
static double residual(size_t n)
{
	double worst = 0, top = fmax(fabs(w[0]), fabs(w[n - 1]));

	for (size_t i = 0; i < n; i++)
		for (size_t r = 0; r < n; r++) {
			double s = -w[i] * v[i * n + r];

			for (size_t c = 0; c < n; c++)
				s += kept[r * n + c] * v[i * n + c];
			worst = fmax(worst, fabs(s));
		}
	return top > 0 ? worst / top : worst;
}

static double skew(size_t n)
{
	double worst = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			double s = i == j ? -1 : 0;

			for (size_t c = 0; c < n; c++)
				s += v[i * n + c] * v[j * n + c];
			worst = fmax(worst, fabs(s));
		}
	return worst;
}

static int wrong_order(size_t n)
{
	int bad = 0;

	for (size_t i = 0; i + 1 < n; i++)
		bad += !(w[i] >= w[i + 1]);
	for (size_t i = 0; i < n; i++) {
		double top = 0;

		for (size_t c = 0; c < n; c++)
			top = fabs(v[i * n + c]) > fabs(top) ? v[i * n + c] : top;
		bad += !(top > 0);
	}
	return bad;
}

static void check(const char *what, size_t n)
{
	double tol = 8 * (double)n * DBL_EPSILON;

	if (!ok(!solve(n), "%s, %zu: solved", what, n))
		return;
	ok(residual(n) <= tol, "%s: residual %.3g <= %.3g", what, residual(n), tol);
	ok(skew(n) <= tol, "%s: vectors are orthonormal: %.3g <= %.3g", what, skew(n), tol);
	is_int(wrong_order(n), 0, "values fall, signs are as the header says");
}

static void check_golden(const struct golden *g)
{
	size_t n = g->n;
	double top = fmax(fabs(g->w[0]), fabs(g->w[n - 1])), values = 0, vectors = 0;

	memcpy(kept, g->a, n * n * sizeof *kept);
	check(g->name, n);
	for (size_t i = 0; i < n; i++) {
		double sum = 0;

		values = fmax(values, fabs(w[i] - g->w[i]) / top);
		for (size_t c = 0; c < n; c++)
			sum += fabs(g->v[i * n + c]);
		for (size_t c = 0; sum > 0 && c < n; c++)
			vectors = fmax(vectors, fabs(v[i * n + c] - g->v[i * n + c]));
	}
	ok(values <= 1e-13, "%s: values are NumPy's: %.3g", g->name, values);
	ok(vectors <= 1e-11, "%s: so are vectors of single values: %.3g", g->name, vectors);
}

/* A symmetric matrix of rank at most r, of either sign where mixed. */
static void draw(size_t n, size_t r, int mixed)
{
	memset(kept, 0, sizeof kept);
	for (size_t k = 0; k < r; k++) {
		double x[BIG], sign = mixed && k % 2 ? -1 : 1;

		for (size_t i = 0; i < n; i++)
			x[i] = (double)each_real();
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < n; j++)
				kept[i * n + j] += sign * x[i] * x[j];
	}
}

static void definition(void)
{
	static const size_t ns[] = { 1, 2, 3, 8, 17, BIG };

	each_seed = 51;
	for (size_t q = 0; q < sizeof ns / sizeof *ns; q++) {
		draw(ns[q], ns[q], 1);
		check("of either sign", ns[q]);
		draw(ns[q], 1 + ns[q] / 3, 0);
		check("without full rank", ns[q]);
	}
	draw(9, 9, 1);
	for (size_t i = 0; i < 81; i++)
		kept[i] = ldexp(kept[i], 1015);
	check("huge", 9);
	draw(9, 9, 1);
	for (size_t i = 0; i < 81; i++)
		kept[i] = ldexp(kept[i], -1000);
	check("tiny", 9);
}

/* What needs no rotation comes out as it is. */
static void trivial(void)
{
	double off = 0;

	memset(kept, 0, sizeof kept);
	check("zero", 7);
	for (size_t i = 0; i < 7; i++)
		off += fabs(w[i]) + (signbit(w[i]) ? 1 : 0) + fabs(v[i * 8] - 1);
	ok(!(off > 0), "zero: values are 0, not -0, vectors the axes");
	for (size_t i = 0; i < 7; i++)
		kept[i * 8] = 3;
	check("a multiple of the identity", 7);
	for (size_t i = 0; i < 7; i++)
		kept[i * 8] = (double)i - 3;
	check("diagonal", 7);
	off = 0;
	for (size_t i = 0; i < 7; i++)
		off += fabs(w[i] - (3 - (double)i)) + fabs(v[i * 7 + 6 - i] - 1);
	ok(!(off > 0), "diagonal: sorted, exactly");
	kept[0] = -2;
	ok(!solve(1) && !(fabs(w[0] + 2) > 0) && !(fabs(v[0] - 1) > 0), "a number is its own value");
	ok(!fl_eigen(a, 0, w, v, NULL), "of nothing there is nothing");
}

/* D B D with B near the identity and D from 1 to 1e-15: normwise, the small values would
 * be lost. The product of all is the determinant, that of B times D's. */
static void graded(void)
{
	enum { N = 6 };
	double product = 1, want = 1;

	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++)
			kept[i * N + j] = (i == j ? 1 : .5) * pow(1e-3, (double)(i + j));
	check("graded", N);
	for (size_t i = 0; i < N; i++) {
		product *= w[i] * pow(1e6, (double)i);
		want *= i + 1 < N ? .5 : .5 * (N + 1);	/* B's values */
	}
	ok(fabs(product / want - 1) < 1e-12, "graded: small values have their digits: %.3g",
	   product / want - 1);
}

static void refusals(void)
{
	struct fl_err e = { 0 };

	memset(a, 0, sizeof a);
	a[3 * 5 + 1] = NAN;
	ok(fl_eigen(a, 5, w, v, &e) && e.code == FL_ENUM, "a number that is not finite is refused");
	is_str(e.msg, "matrix: row 3, column 1 is not finite", "with its place");
	for (size_t i = 0; i < 25; i++)
		a[i] = DBL_MAX;
	ok(fl_eigen(a, 5, w, v, &e) && e.code == FL_ENUM, "so is a value too large");
}

static void everywhere(void *out)
{
	double *o = out;

	each_seed = 52;
	for (size_t n = 1; n < BIG; n += 7) {
		draw(n, n, 1);
		solve(n);
		memcpy(o, w, n * sizeof *w);
		memcpy(o + n, v, n * n * sizeof *v);
		o += n + n * n;
	}
}

int main(void)
{
	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++)
		check_golden(&golden[i]);
	definition();
	trivial();
	graded();
	refusals();
	each_same("eigen", everywhere, 9 * (BIG + BIG * BIG) * sizeof(double));
	return tap_done();
}
