/* A strip of b at a time, in which all of a's panels are multiplied; while one is, the next
 * one is asked for. Without register tiles rows stay as they are. */
#include "kernel/packed.h"

#include <string.h>

#include "kernel/kit.h"
#include "kernel/pack.h"

#define STRIP_MAX 32	/* columns of a strip, at most; a multiple of every kit's */
#define BLOCK_K 1024	/* 128 KiB of a strip, 48 of a panel */

_Static_assert(FL_PACKED_A == FL_TILE_ROWS, "a panel is a multiple of every tile's height");

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

size_t fl_packed_a(size_t m, size_t d)
{
	return round_up(m, FL_PACKED_A) * d;
}

size_t fl_packed_b(size_t n, size_t d)
{
	return round_up(n, STRIP_MAX) * d;
}

static void pack(const float *x, size_t n, size_t d, size_t width, float *packed)
{
	struct fl_gemm g = { .N = n, .b = x, .ldb = d, .tb = 1 };

	if (fl_kit())
		fl_pack_b(&g, width, 0, n, 0, d, packed);
	else if (n)
		memcpy(packed, x, n * d * sizeof *x);
}

void fl_pack_a(const float *a, size_t m, size_t d, float *packed)
{
	pack(a, m, d, FL_PACKED_A, packed);
}

void fl_pack_rows(const float *b, size_t n, size_t d, float *packed)
{
	pack(b, n, d, fl_kit() ? fl_kit()->lanes * FL_STRIP : 0, packed);
}

/* What tiles of one strip, steps [k0,k0+t.K), share. */
static void strip(const struct fl_gemm *g, const struct fl_kit *kit, struct fl_tile *t, size_t j,
                  size_t k0)
{
	size_t vectors = (least(t->ldb, g->N - j) + kit->lanes - 1) / kit->lanes;

	t->part = (int)(least(t->ldb, g->N - j) - (vectors - 1) * kit->lanes);
	for (size_t i = 0, h; i < g->M; i += h) {
		h = least(kit->rows, g->M - i);
		t->a = g->a + i / FL_PACKED_A * FL_PACKED_A * g->K + i % FL_PACKED_A + k0 * FL_PACKED_A;
		t->next = t->a + FL_PACKED_A * g->K;
		t->c = g->c + i * g->ldc + j;
		fl_tile_start(g, i, j, k0, t);
		kit->tiles[h][vectors](t);
	}
}

void fl_packed_product(const float *a, size_t m, const float *b, size_t n, size_t d, float *c,
                       size_t ldc)
{
	const struct fl_kit *kit = fl_kit();
	struct fl_gemm g = { .M = m, .N = n, .K = d, .a = a, .b = b, .c = c, .lda = d, .ldb = d,
	                     .ldc = ldc, .tb = 1 };
	struct fl_tile t = { .rs = 1, .ks = FL_PACKED_A, .ldc = ldc, .next_step = FL_PACKED_A };

	if (!kit) {
		fl_gemm_ref(&g);
		return;
	}
	t.ldb = kit->lanes * FL_STRIP;
	for (size_t k0 = 0; k0 < d; k0 += t.K) {
		t.K = least(BLOCK_K, d - k0);
		for (size_t j = 0; j < n; j += t.ldb) {
			t.b = b + j * d + k0 * t.ldb;
			strip(&g, kit, &t, j, k0);
		}
	}
}
