/* Centred Gram matrices: the definition, and rows in any split. */
#define _DEFAULT_SOURCE
#include <stdint.h>

#include "each.h"
#include "kernel/gram.h"

#define K 29		/* more than rows at once, and no multiple of a panel's */
#define MAX_N 3000

static float *data[K];

static void draw(void)
{
	for (size_t k = 0; k < K; k++) {
		data[k] = malloc(MAX_N * sizeof **data);
		for (size_t i = 0; i < MAX_N; i++)
			data[k][i] = 1000 + each_real();
	}
}

/* As the header words it. */
static double entry(size_t i, size_t j, size_t n)
{
	double g = 0;

	for (size_t c = 0; c < n; c += 1024) {
		double lane[64] = { 0 };

		for (size_t e = c; e < n && e < c + 1024; e++)
			lane[e % 64] += ((double)data[i][e] - (double)data[0][e]) *
			                ((double)data[j][e] - (double)data[0][e]);
		for (size_t h = 32; h > 0; h /= 2)
			for (size_t l = 0; l < h; l++)
				lane[l] += lane[l + h];
		g += lane[0];
	}
	return g;
}

static const size_t ns[] = { 0, 1, 63, 64, 65, 1000, 1024, 1025, 2048, MAX_N };
#define NS (sizeof ns / sizeof *ns)

static void everywhere(void *out)
{
	double *G = out;

	for (size_t q = 0; q < NS; q++, G += K * K)
		fl_gram_rows((const float *const *)data, data[0], K, ns[q], 0, K, G);
}

int main(void)
{
	static const float origin[MAX_N];
	double *G, split[K * K] = { 0 }, about[K * K] = { 0 };
	int wrong = 0;

	each_seed = 41;
	draw();
	G = each_same("gram", everywhere, NS * K * K * sizeof *G);
	for (size_t q = 0; G && q < NS; q++)
		for (size_t i = 0; i < K; i++)
			for (size_t j = 0; j <= i; j++)
				wrong += G[q * K * K + i * K + j] != entry(i, j, ns[q]);
	is_int(wrong, 0, "entries that differ from the definition");
	fl_gram_rows((const float *const *)data, data[0], K, MAX_N, 7, K, split);
	fl_gram_rows((const float *const *)data, data[0], K, MAX_N, 0, 3, split);
	fl_gram_rows((const float *const *)data, data[0], K, MAX_N, 3, 7, split);
	ok(G && !memcmp(split, G + (NS - 1) * K * K, sizeof split), "rows in three parts");
	memset(split, 0, sizeof split);
	fl_gram_rows((const float *const *)data, NULL, K, MAX_N, 0, K, split);
	fl_gram_rows((const float *const *)data, origin, K, MAX_N, 0, K, about);
	ok(split[0] > 0 && !memcmp(split, about, sizeof split), "no centre is the origin");
	for (size_t k = 0; k < K; k++)
		free(data[k]);
	return tap_done();
}
