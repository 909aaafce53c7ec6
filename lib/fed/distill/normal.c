/* Draws from a multivariate normal whose covariance may lack rank. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/rng.h"
#include "fed/distill/distill.h"

/* Pivots below this share of the largest variance are rounding; so far below zero they
 * are not. */
static const double rounding = 1e-10, wrong = 1e-6;

/* a(d,d), its lower triangle: A -> L with A = L L^T; a column without variance is 0. */
static int factor(double *a, size_t d, struct fl_err *e)
{
	double most = 0;

	for (size_t i = 0; i < d; i++)
		most = a[i * d + i] > most ? a[i * d + i] : most;
	for (size_t j = 0; j < d; j++) {
		double pivot = a[j * d + j];

		for (size_t k = 0; k < j; k++)
			pivot -= a[j * d + k] * a[j * d + k];
		if (!(pivot >= -wrong * most))
			return fl_fail(e, FL_EDATA, "the covariance is not positive semidefinite: pivot "
			               "%zu is %g", j, pivot);
		pivot = pivot > rounding * most ? sqrt(pivot) : 0;
		a[j * d + j] = pivot;
		for (size_t i = j + 1; i < d; i++) {
			double s = a[i * d + j];

			for (size_t k = 0; k < j; k++)
				s -= a[i * d + k] * a[j * d + k];
			a[i * d + j] = pivot > 0 ? s / pivot : 0;
		}
	}
	return 0;
}

int fl_draw_normal(const double *mean, const double *cov, size_t d, uint64_t seed,
                   uint64_t round, uint64_t id, size_t M, float *x, struct fl_err *e)
{
	size_t n;
	double *L = fl_mul(d, d, &n) ? NULL : fl_alloc(n, sizeof *L, e);
	double *z = fl_alloc(d, sizeof *z, e);
	struct fl_rng r;
	int rc = -1;

	if (L && z) {
		memcpy(L, cov, n * sizeof *L);
		rc = factor(L, d, e);
	}
	fl_rng_init(&r, seed, round, id, FL_RNG_METHOD, 0);
	for (size_t m = 0; !rc && m < M; m++, x += d) {
		for (size_t i = 0; i < d; i++)
			z[i] = fl_rng_normal(&r);
		for (size_t i = 0; i < d; i++) {
			double s = mean[i];

			for (size_t k = 0; k <= i; k++)
				s += L[i * d + k] * z[k];
			x[i] = (float)s;
		}
	}
	free(L);
	free(z);
	return rc;
}
