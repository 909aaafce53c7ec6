/* Sorting networks over columns: Batcher's merge exchange for any K (Knuth,
 * The Art of Computer Programming 3, 5.2.2, Algorithm M), whose exchanges do not
 * depend on the data, so a vector sorts many columns at once. Floats are
 * compared as integer keys, which orders -0 before 0 and needs no NaN rules. */
#include "kernel/select.h"

#include <stdint.h>
#include <string.h>

#include "kernel/isa.h"

#define WIDTH 16			/* columns of a tile */
#define TILE_ROWS 1024			/* up to these, a tile is sorted in a copy of 64 KiB */

FL_BODY int32_t load(const float *p)
{
	int32_t i;

	memcpy(&i, p, sizeof i);
	return i;
}

FL_BODY void store(float *p, int32_t i)
{
	memcpy(p, &i, sizeof i);
}

/* Negative floats count down: flipping all but the sign makes them count up.
 * Its own inverse. */
FL_BODY int32_t key(int32_t bits)
{
	return bits ^ ((bits >> 31) & 0x7fffffff);
}

/* to(K,w) = keys of from(K,w), rows ldt and ldf apart; may be the same rows. */
FL_BODY void rekey(const float *from, size_t ldf, float *to, size_t ldt, size_t K, size_t w)
{
	for (size_t k = 0; k < K; k++)
		for (size_t c = 0; c < w; c++)
			store(to + k * ldt + c, key(load(from + k * ldf + c)));
}

FL_BODY void exchange(float *restrict lo, float *restrict hi, size_t w)
{
	for (size_t c = 0; c < w; c++) {
		int32_t a = load(lo + c), b = load(hi + c);

		store(lo + c, a < b ? a : b);
		store(hi + c, a < b ? b : a);
	}
}

/* Sorts w columns of keys, rows ld apart; names as in Algorithm M. */
FL_BODY void network(float *v, size_t ld, size_t K, size_t w)
{
	size_t top = 1;

	while (2 * top < K)
		top *= 2;
	for (size_t p = top; p > 0; p /= 2) {
		size_t q = top, r = 0, d = p;

		for (;;) {
			for (size_t i = 0; i + d < K; i++)
				if ((i & p) == r)
					exchange(v + i * ld, v + (i + d) * ld, w);
			if (q == p)
				break;
			d = q - p;
			q /= 2;
			r = p;
		}
	}
}

/* Columns side by side in a copy: rows n apart would share few cache sets. */
FL_BODY void fl_sort_columns_body(float *v, size_t K, size_t n)
{
	float tile[TILE_ROWS * WIDTH];

	for (size_t c = 0; c < n; c += WIDTH) {
		size_t w = n - c < WIDTH ? n - c : WIDTH;

		if (K > TILE_ROWS) {
			rekey(v + c, n, v + c, n, K, w);
			network(v + c, n, K, w);
			rekey(v + c, n, v + c, n, K, w);
			continue;
		}
		if (w < WIDTH)
			memset(tile, 0, K * WIDTH * sizeof *tile);
		rekey(v + c, n, tile, WIDTH, K, w);
		network(tile, WIDTH, K, WIDTH);
		rekey(tile, WIDTH, v + c, n, K, w);
	}
}

FL_ISA_FN(fl_sort_columns, (float *v, size_t K, size_t n), (v, K, n))

void fl_median_columns(float *v, size_t K, size_t n, float *out)
{
	const float *a = v + (K - 1) / 2 * n, *b = v + K / 2 * n;

	fl_sort_columns(v, K, n);
	for (size_t c = 0; c < n; c++)
		out[c] = K % 2 ? a[c] : (float)(((double)a[c] + (double)b[c]) / 2);
}

void fl_trimmed_columns(float *v, size_t K, size_t n, size_t cut, float *out)
{
	double sum[WIDTH];

	fl_sort_columns(v, K, n);
	for (size_t c = 0; c < n; c += WIDTH) {
		size_t w = n - c < WIDTH ? n - c : WIDTH;

		memset(sum, 0, sizeof sum);
		for (size_t k = cut; k < K - cut; k++)
			for (size_t i = 0; i < w; i++)
				sum[i] += (double)v[k * n + c + i];
		for (size_t i = 0; i < w; i++)
			out[c + i] = (float)(sum[i] / (double)(K - 2 * cut));
	}
}
