/* Large products: both operands packed, in blocks that fit the caches. The definition
 * is gemm.h's; gemm.c hands such products over. */
#ifndef FL_KERNEL_BLOCKED_H
#define FL_KERNEL_BLOCKED_H

#include "kernel/kit.h"

/* Whether packing both operands pays, or there is no other way: bfloat16. */
int fl_blocked_takes(const struct fl_gemm *g);
size_t fl_blocked_scratch(const struct fl_gemm *g, int threads);
void fl_blocked(const struct fl_gemm *g, const struct fl_kit *kit, float *scratch, int threads);

#endif
