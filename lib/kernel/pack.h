/* The right operand of a product laid out as the register tiles of gemm.c read it. */
#ifndef FL_KERNEL_PACK_H
#define FL_KERNEL_PACK_H

#include "kernel/gemm.h"

/* Columns [j0,j0+n) of op(b), k in [k0,k0+K), in strips of width columns (a
 * multiple of 4; j0 a multiple of width): p[strip][k][width]. What lies past
 * column N stays unwritten, or is 0. For processors with AVX2. */
void fl_pack_b(const struct fl_gemm *g, size_t width, size_t j0, size_t n, size_t k0, size_t K,
               float *p);
/* The same of operands without offsets as pairs of bfloat16 (bf16.h): steps k0 on, K of
 * them, a pair each; what lies past row g->K is 0. */
void fl_pack_pairs(const struct fl_gemm *g, size_t width, size_t j0, size_t n, size_t k0, size_t K,
                   float *p);

#endif
