/* Jacobi's method: rotations by rows, p < q in ascending order, until none is left to do.
 *
 * The matrix is kept whole and rows p and q are turned as vectors. Columns follow when what
 * stands there is read next: those of a batch of q after its last, by whole cache lines,
 * and p after all of them. */
#include "kernel/eigen.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernel/isa.h"

enum {
	SWEEPS = 100,		/* 6 to 12 are enough; an end for what cannot happen */
	BATCH = 8
};

/* x -= s (y + tau x), y += s (x - tau y): a turn by the angle of sine s and, with
 * tau = s / (1 + c), cosine c (Rutishauser, Numerische Mathematik 9, 1966). */
FL_BODY void turn_body(double *x, double *y, double s, double tau, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double was = x[i];

		x[i] = was - s * (y[i] + tau * was);
		y[i] = y[i] + s * (was - tau * y[i]);
	}
}
static void turn(double *x, double *y, double s, double tau, size_t n);
FL_ISA_FN(turn, (double *x, double *y, double s, double tau, size_t n), (x, y, s, tau, n))

/* Divides by a power of two, so that all are below 1 and rotations neither overflow nor
 * vanish, and fills the upper triangle. */
static int scale_down(double *a, size_t n, struct fl_err *e, int *exponent)
{
	double most = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j <= i; j++) {
			if (!isfinite(a[i * n + j]))
				return fl_fail(e, FL_ENUM, "matrix: row %zu, column %zu is not finite", i, j);
			most = fmax(most, fabs(a[i * n + j]));
		}
	frexp(most, exponent);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j <= i; j++)
			a[j * n + i] = a[i * n + j] = ldexp(a[i * n + j], -*exponent);
	return 0;
}

/* Whether off is rounding beside the diagonal's p and q. */
static int is_small(double off, double p, double q)
{
	return fabs(off) <= DBL_EPSILON / 2 * sqrt(fabs(p)) * sqrt(fabs(q)) || fabs(off) < DBL_MIN;
}

/* Columns [q0,q1) of rows [i0,i1) from the rows of those columns. */
static void mirror(double *a, size_t n, size_t q0, size_t q1, size_t i0, size_t i1)
{
	for (size_t i = i0; i < i1; i++)
		for (size_t q = q0; q < q1; q++)
			a[i * n + q] = a[q * n + i];
}

/* The rotation that makes a_pq zero. */
static void rotate(double *a, size_t n, size_t p, size_t q, double *v)
{
	double *x = a + p * n, *y = a + q * n, off = x[q], pp = x[p], qq = y[q];
	double theta = (qq - pp) / (2 * off);
	double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
	double c = 1 / sqrt(t * t + 1), s = t * c, tau = s / (1 + c);

	turn(x, y, s, tau, n);
	turn(v + p * n, v + q * n, s, tau, n);
	x[p] = pp - t * off;
	y[q] = qq + t * off;
	x[q] = y[p] = 0;
}

/* Rotations done of p with [q0,q1). */
static size_t batch(double *a, size_t n, size_t p, size_t q0, size_t q1, double *v)
{
	size_t done = 0;

	for (size_t q = q0; q < q1; q++) {
		if (is_small(a[p * n + q], a[p * n + p], a[q * n + q]))
			continue;
		rotate(a, n, p, q, v);
		mirror(a, n, q, q + 1, q0, q1);
		done++;
	}
	if (done) {
		mirror(a, n, q0, q1, 0, p);
		mirror(a, n, q0, q1, p + 1, q0);
		mirror(a, n, q0, q1, q1, n);
	}
	return done;
}

static size_t sweep(double *a, size_t n, double *v)
{
	size_t done = 0;

	for (size_t p = 0; p < n; p++) {
		for (size_t q = p + 1; q < n; q += BATCH)
			done += batch(a, n, p, q, q + BATCH < n ? q + BATCH : n, v);
		mirror(a, n, p, p + 1, 0, n);
	}
	return done;
}

static void swap_rows(double *x, double *y, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double was = x[i];

		x[i] = y[i];
		y[i] = was;
	}
}

static void sort_pairs(double *w, double *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t top = i;

		for (size_t j = i + 1; j < n; j++)
			if (w[j] > w[top])
				top = j;
		if (top != i) {
			swap_rows(&w[i], &w[top], 1);
			swap_rows(v + i * n, v + top * n, n);
		}
	}
}

static void fix_sign(double *x, size_t n)
{
	double top = 0;

	for (size_t i = 0; i < n; i++)
		if (fabs(x[i]) > fabs(top))
			top = x[i];
	for (size_t i = 0; top < 0 && i < n; i++)
		x[i] = -x[i];
}

int fl_eigen(double *a, size_t n, double *w, double *v, struct fl_err *e)
{
	int exponent = 0;

	if (scale_down(a, n, e, &exponent))
		return -1;
	memset(v, 0, n * n * sizeof *v);
	for (size_t i = 0; i < n; i++)
		v[i * n + i] = 1;
	for (int i = 0; i < SWEEPS && sweep(a, n, v); i++)
		;
	for (size_t i = 0; i < n; i++) {
		w[i] = ldexp(a[i * n + i], exponent) + 0;	/* no -0 */
		if (!isfinite(w[i]))
			return fl_fail(e, FL_ENUM, "matrix: an eigenvalue is not finite");
	}
	sort_pairs(w, v, n);
	for (size_t i = 0; i < n; i++)
		fix_sign(v + i * n, n);
	return 0;
}
