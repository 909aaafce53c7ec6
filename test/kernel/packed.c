/* Products of packed rows: the chains of gemm.h at every shape, nothing outside c. */
#define _DEFAULT_SOURCE
#include "each.h"
#include "kernel/gemm.h"
#include "kernel/packed.h"

#define MOST_M 30
#define MOST_N 70
#define MOST_D 2100		/* more than a block of steps, twice */
#define LDC (MOST_N + 3)
#define GUARD 37.5f

static float a[MOST_M * MOST_D], b[MOST_N * MOST_D], want[MOST_M * LDC];
static const size_t ms[] = { 1, 5, 12, 13, 24, MOST_M }, ns[] = { 1, 16, 17, 32, 47, MOST_N };
static const size_t ds[] = { 1, 2, 9, 64, 1025, MOST_D };
#define SHAPES 36	/* of m and n */

static float *room(size_t n)
{
	return aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);
}

static void product(size_t m, size_t n, size_t d, float *c)
{
	float *pa = room(fl_packed_a(m, d)), *pb = room(fl_packed_b(n, d));

	fl_pack_a(a, m, d, pa);
	fl_pack_rows(b, n, d, pb);
	for (size_t i = 0; i < MOST_M * LDC; i++)
		c[i] = GUARD;
	fl_packed_product(pa, m, pb, n, d, c, LDC);
	/* packed rows from a multiple on are a packed part */
	if (m > FL_PACKED_A)
		fl_packed_product(pa + FL_PACKED_A * d, m - FL_PACKED_A, pb, n, d, c + FL_PACKED_A * LDC, LDC);
	free(pa);
	free(pb);
}

static void everywhere(void *out)
{
	float *c = out;

	for (size_t s = 0; s < SHAPES; s++)
		for (size_t k = 0; k < sizeof ds / sizeof *ds; k++, c += MOST_M * LDC)
			product(ms[s / 6], ns[s % 6], ds[k], c);
}

int main(void)
{
	size_t n = SHAPES * (sizeof ds / sizeof *ds);
	float *c;
	int wrong = 0;

	each_seed = 5;
	for (size_t i = 0; i < MOST_M * MOST_D; i++)
		a[i] = each_real();
	for (size_t i = 0; i < MOST_N * MOST_D; i++)
		b[i] = each_real();
	c = each_same("packed rows", everywhere, n * MOST_M * LDC * sizeof *c);
	for (size_t s = 0; c && s < SHAPES; s++)
		for (size_t k = 0; k < sizeof ds / sizeof *ds; k++, c += MOST_M * LDC) {
			struct fl_gemm g = { .M = ms[s / 6], .N = ns[s % 6], .K = ds[k], .a = a, .b = b, .c = want,
			                     .lda = ds[k], .ldb = ds[k], .ldc = LDC, .tb = 1 };

			for (size_t i = 0; i < MOST_M * LDC; i++)
				want[i] = GUARD;
			fl_gemm_ref(&g);
			wrong += memcmp(c, want, sizeof want) != 0;
		}
	is_int(wrong, 0, "products that are not the definition's");
	return tap_done();
}
