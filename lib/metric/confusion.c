/* Counts of examples by class and prediction. */
#include <math.h>

#include "base/num.h"
#include "metric/metric.h"

size_t fl_argmax(const float *z, size_t C)
{
	size_t best = 0;

	for (size_t c = 0; c < C; c++) {
		if (z[c] != z[c])
			return C;
		if (z[c] > z[best])
			best = c;
	}
	return best;
}

int fl_confusion_cells(size_t C, size_t *cells)
{
	size_t row;

	return fl_add(C, 1, &row) || fl_mul(C, row, cells) ? -1 : 0;
}

void fl_confusion_add(uint64_t *n, const float *z, const int32_t *y, size_t B, size_t C)
{
	for (size_t i = 0; i < B; i++)
		n[(size_t)y[i] * (C + 1) + fl_argmax(z + i * C, C)]++;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : NAN;
}

struct fl_class fl_confusion_class(const uint64_t *n, size_t C, size_t c)
{
	struct fl_class k = { .hits = n[c * (C + 1) + c] };

	for (size_t d = 0; d <= C; d++)
		k.n += n[c * (C + 1) + d];
	for (size_t d = 0; d < C; d++)
		k.taken += n[d * (C + 1) + c];
	k.recall = share(k.hits, k.n);
	k.precision = share(k.hits, k.taken);
	k.f1 = share(2 * k.hits, k.n + k.taken);
	return k;
}
