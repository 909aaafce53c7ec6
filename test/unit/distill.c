/* Draws for virtual features have the moments that were asked for. */
#include <math.h>
#include <stdlib.h>

#include "fed/distill/distill.h"
#include "tap.h"

#define M ((size_t)200000)
#define D ((size_t)3)

static double cov_of(const float *x, size_t i, size_t j, const double *mean)
{
	double s = 0;

	for (size_t m = 0; m < M; m++)
		s += ((double)x[m * D + i] - mean[i]) * ((double)x[m * D + j] - mean[j]);
	return s / (double)M;
}

/* Of M draws: the standard error of a mean is sigma/sqrt(M), that of a covariance at
 * most sqrt(2) sigma_i sigma_j/sqrt(M); five of them. */
static void test_moments(const double *mean, const double *cov, const char *what)
{
	float *x = malloc(M * D * sizeof *x);
	struct fl_err e = { 0 };
	int fine = 1;

	if (!ok(x && !fl_draw_normal(mean, cov, D, 7, 3, 1, M, x, &e), "%s", what)) {
		free(x);
		return;
	}
	for (size_t i = 0; i < D; i++) {
		double sum = 0;

		for (size_t m = 0; m < M; m++)
			sum += (double)x[m * D + i];
		fine = fine && fabs(sum / (double)M - mean[i]) <=
		       5 * sqrt(cov[i * D + i] / (double)M) + 1e-6;
		for (size_t j = 0; j < D; j++)
			fine = fine && fabs(cov_of(x, i, j, mean) - cov[i * D + j]) <=
			       5 * sqrt(2 * cov[i * D + i] * cov[j * D + j] / (double)M) + 1e-6;
	}
	ok(fine, "the draws' mean and covariance are those");
	free(x);
}

static void test_names(void)
{
	static const double mean[D], cov[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
	float a[D], b[D], c[D];
	struct fl_err e = { 0 };

	fl_draw_normal(mean, cov, D, 7, 3, 1, 1, a, &e);
	fl_draw_normal(mean, cov, D, 7, 3, 1, 1, b, &e);
	fl_draw_normal(mean, cov, D, 7, 3, 2, 1, c, &e);
	ok(!memcmp(a, b, sizeof a), "the same name draws the same");
	ok(memcmp(a, c, sizeof a), "another class draws something else");
}

int main(void)
{
	static const double mean[] = { 1, -2, 0.5 };
	static const double full[] = { 2, 0.5, -0.3, 0.5, 1, 0.2, -0.3, 0.2, 0.5 };
	static const double flat[] = { 1, 2, -1, 2, 4, -2, -1, -2, 1 };	/* v v^T */
	static const double none[D * D];

	test_moments(mean, full, "a full covariance");
	test_moments(mean, flat, "one of rank 1");
	test_moments(mean, none, "none at all");
	test_names();
	return tap_done();
}
