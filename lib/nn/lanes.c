/* Sums of columns. */
#include "nn/lanes.h"

/* n columns of m from the first, n <= FL_LANES. */
FL_BODY void add_columns(const fl_real *x, fl_real *y, size_t B, size_t m, size_t n)
{
	double s[FL_LANES] = { 0 };

	for (size_t b = 0; b < B; b++)
		for (size_t j = 0; j < n; j++)
			s[j] += (double)x[b * m + j];
	for (size_t j = 0; j < n; j++)
		y[j] = (fl_real)((double)y[j] + s[j]);
}

FL_BODY void fl_column_sums_body(const fl_real *x, fl_real *y, size_t B, size_t n)
{
	size_t j = 0;

	for (; j + FL_LANES <= n; j += FL_LANES)
		add_columns(x + j, y + j, B, n, FL_LANES);
	if (j < n)
		add_columns(x + j, y + j, B, n, n - j);
}

FL_ISA_FN(fl_column_sums, (const fl_real *x, fl_real *y, size_t B, size_t n), (x, y, B, n))
