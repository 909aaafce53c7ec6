/* Median rank of the best positive. */
#include <math.h>
#include <stdlib.h>

#include "metric/rank.h"

static double query(const void *p, const uint32_t *place, size_t R)
{
	(void)p;
	(void)R;
	return (double)place[0] + 1;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double over(double *v, size_t n)
{
	qsort(v, n, sizeof *v, ascending);
	return floor((v[(n - 1) / 2] + v[n / 2]) / 2);
}

const struct fl_rmetric fl_rmetric_medr = {
	.e = {
		.name = "medr",
		.title = "Median rank",
		.cite = "fl-metrics(5)",
		.doc = "median over queries of the best positive's rank, rounded down",
		.formula = "floor(median_q min_j place_qj) + 1",
	},
	.query = query,
	.over = over,
};
