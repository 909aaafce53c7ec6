/* Order statistics of columns, against sorting one column at a time. */
#define _DEFAULT_SOURCE
#include <stdint.h>

#include "each.h"
#include "kernel/select.h"

static const size_t ks[] = { 1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 33, 64, 100, 127, 300, 1025, 1100 };
#define KS (sizeof ks / sizeof *ks)

/* Total order with -0 < 0. */
static int compare(const void *pa, const void *pb)
{
	float a = *(const float *)pa, b = *(const float *)pb;

	if (a != b)
		return a < b ? -1 : 1;
	return !signbit(a) - !signbit(b);
}

static float *matrix(size_t n)
{
	static const float odd[] = { 0, -0.f, 1, -1, 1e-45f, -1e-45f, 3e38f, -3e38f };
	float *v = malloc((n + 1) * sizeof *v);

	for (size_t i = 0; i < n; i++)
		v[i] = each_below(3) ? each_real() : odd[each_below(8)];
	return v;
}

static void everywhere(void *out)
{
	float *o = out;

	each_seed = 31;
	for (size_t q = 0; q < KS; q++) {
		size_t K = ks[q], n = each_below(40);
		float *v = matrix(K * n), *w = malloc((K * n + 1) * sizeof *w);

		memcpy(w, v, K * n * sizeof *v);
		fl_median_columns(v, K, n, o);
		o += n;
		fl_trimmed_columns(w, K, n, (K - 1) / 3, o);
		o += n;
		memcpy(o, v, K * n * sizeof *v);
		o += K * n;
		free(v);
		free(w);
	}
}

static void values(void)
{
	int unsorted = 0, medians = 0, means = 0;

	each_seed = 32;
	for (size_t q = 0; q < KS; q++) {
		size_t K = ks[q], n = 1 + each_below(40), cut = (K - 1) / 4;
		float *v = matrix(K * n), *s = malloc(K * n * sizeof *s), *w = malloc(K * n * sizeof *w);
		float *med = malloc(n * sizeof *med), *mean = malloc(n * sizeof *mean);
		float *col = malloc(K * sizeof *col);

		memcpy(s, v, K * n * sizeof *v);
		memcpy(w, v, K * n * sizeof *v);
		fl_median_columns(s, K, n, med);
		memcpy(s, v, K * n * sizeof *v);
		fl_trimmed_columns(s, K, n, cut, mean);
		fl_sort_columns(w, K, n);
		for (size_t c = 0; c < n; c++) {
			double sum = 0, mid;

			for (size_t k = 0; k < K; k++)
				col[k] = v[k * n + c];
			qsort(col, K, sizeof *col, compare);
			for (size_t k = 0; k < K; k++)
				unsorted += !!memcmp(&col[k], &w[k * n + c], sizeof *col);
			mid = ((double)col[(K - 1) / 2] + (double)col[K / 2]) / 2;
			medians += !((double)med[c] == (double)(float)mid);
			for (size_t k = cut; k < K - cut; k++)
				sum += (double)col[k];
			means += !((double)mean[c] == (double)(float)(sum / (double)(K - 2 * cut)));
		}
		free(v);
		free(s);
		free(w);
		free(med);
		free(mean);
		free(col);
	}
	is_int(unsorted, 0, "elements out of order");
	is_int(medians, 0, "medians that differ");
	is_int(means, 0, "trimmed means that differ");
}

int main(void)
{
	float zeros[] = { 0, -0.f, -0.f };
	float out;

	each_same("columns", everywhere, (size_t)KS * 40 * 1104 * 4);
	values();
	fl_median_columns(zeros, 3, 1, &out);
	ok(signbit(out), "the median of 0, -0, -0 is -0");
	return tap_done();
}
