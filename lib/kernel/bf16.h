/* bfloat16 as products take it: the upper half of a float, rounded to nearest, ties to
 * even; what is below the normal numbers counts as 0. */
#ifndef FL_KERNEL_BF16_H
#define FL_KERNEL_BF16_H

#include <stdint.h>
#include <string.h>

/* The bits of a float, rounded; its lower half is to be dropped. */
static inline uint32_t fl_bf16_bits(float x)
{
	uint32_t u, r;

	memcpy(&u, &x, sizeof u);
	r = u + 0x7fff + (u >> 16 & 1);
	r = (u & 0x7fffffff) > 0x7f800000 ? u | 0x400000 : r;	/* NaN */
	return (u & 0x7f800000) ? r : u & 0x80000000;
}

static inline float fl_bf16_round(float x)
{
	uint32_t u = fl_bf16_bits(x) & 0xffff0000;

	memcpy(&x, &u, sizeof x);
	return x;
}

/* Two neighbours along k, the odd one in the upper half. */
static inline uint32_t fl_bf16_pair(float even, float odd)
{
	return (fl_bf16_bits(odd) & 0xffff0000) | fl_bf16_bits(even) >> 16;
}

#endif
