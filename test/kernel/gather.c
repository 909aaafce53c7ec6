/* Rows of bytes through a table: every length of a row, at each instruction set. */
#define _DEFAULT_SOURCE
#include <stdint.h>

#include "each.h"
#include "kernel/gather.h"

enum { D = 200, ROWS = 7, N = 6 };

static const uint32_t row[N] = { 4, 0, 6, 4, 1, 5 };

/* Rows of d bytes from an odd address on; what follows them stays. */
static void gather(size_t d, float *out)
{
	static uint8_t x[ROWS * D + 1];
	float table[256];

	each_seed = d;
	for (int i = 0; i < 256; i++)
		table[i] = (float)(i * i) / 7;
	for (size_t i = 0; i < sizeof x; i++)
		x[i] = (uint8_t)each_word();
	out[N * d] = 37.5f;
	fl_gather_u8(x + 1, row, table, out, N, d);
	for (size_t i = 0; i < N * d; i++)
		if (out[i] != table[x[1 + row[i / d] * d + i % d]])
			out[i] = NAN;
}

static void lengths(void *out)
{
	float *o = out;

	for (size_t d = 0; d <= D; d++) {
		gather(d, o);
		o += N * d + 1;
	}
}

int main(void)
{
	size_t n = N * D * (D + 1) / 2 + D + 1, wrong = 0;
	float *y = each_same("rows", lengths, n * sizeof *y), *end = y;

	for (size_t i = 0; y && i < n; i++)
		wrong += !isfinite(y[i]);
	is_int((long long)wrong, 0, "entries of the table that differ");
	wrong = 0;
	for (size_t d = 0; y && d <= D; d++, end++) {
		end += N * d;
		wrong += *end != 37.5f;
	}
	is_int((long long)wrong, 0, "rows that write past their end");
	return tap_done();
}
