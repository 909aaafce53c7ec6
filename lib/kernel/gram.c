/* Inner products of centred vectors: tiles of coordinates, 64 double lanes. */
#include "kernel/gram.h"

#include <string.h>

#include "kernel/isa.h"

#define TILE 1024
#define LANES 64		/* as in vmath.h */
#define ROWS 8			/* of G at once: their tiles, 64 KiB, are read for every j */

/* d(n) = v - v0 (NULL: 0) in double; zero up to a multiple of the lanes, which adds
 * nothing to their sums. */
FL_BODY void centre(const float *v, const float *v0, size_t n, double *d)
{
	for (size_t c = 0; c < n; c++)
		d[c] = (double)v[c] - (v0 ? (double)v0[c] : 0);
	for (size_t c = n; c % LANES; c++)
		d[c] = 0;
}

FL_BODY double dot(const double *x, const double *y, size_t n)
{
	double lane[LANES] = { 0 };

	for (size_t i = 0; i < n; i += LANES)
		for (size_t j = 0; j < LANES; j++)
			lane[j] += x[i + j] * y[i + j];
	for (size_t h = LANES / 2; h > 0; h /= 2)
		for (size_t j = 0; j < h; j++)
			lane[j] += lane[j + h];
	return lane[0];
}

FL_BODY void fl_gram_rows_body(const float *const *v, const float *v0, size_t K, size_t n,
                               size_t i0, size_t i1, double *G)
{
	double rows[ROWS][TILE], other[TILE];

	for (size_t i = i0; i < i1; i += ROWS)
		for (size_t c = 0; c < n; c += TILE) {
			size_t len = n - c < TILE ? n - c : TILE;
			size_t end = i + ROWS < i1 ? i + ROWS : i1;

			for (size_t r = i; r < end; r++)
				centre(v[r] + c, v0 ? v0 + c : NULL, len, rows[r - i]);
			for (size_t j = 0; j < end; j++) {
				centre(v[j] + c, v0 ? v0 + c : NULL, len, other);
				for (size_t r = i < j ? j : i; r < end; r++)
					G[r * K + j] += dot(rows[r - i], other, len);
			}
		}
}

FL_ISA_FN(fl_gram_rows,
          (const float *const *v, const float *v0, size_t K, size_t n, size_t i0, size_t i1,
           double *G),
          (v, v0, K, n, i0, i1, G))
