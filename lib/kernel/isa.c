/* Which instruction set this process uses: the processor's best, or FL_CPU. */
#include "kernel/isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "ref", "sse2", "avx2", "avx512" };

#define UNKNOWN (-1)

/* Mirrors FL_TARGET_AVX2 and FL_TARGET_AVX512. */
static enum fl_isa best(void)
{
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
	    !__builtin_cpu_supports("f16c"))
		return FL_ISA_SSE2;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq") ||
	    !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl"))
		return FL_ISA_AVX2;
	return FL_ISA_AVX512;
}

/* What FL_CPU asks for: a set, the best one where it is unset, or UNKNOWN. */
static int wanted(void)
{
	const char *s = getenv("FL_CPU");

	if (!s || !*s)
		return (int)best();
	for (int i = FL_ISA_REF; i <= FL_ISA_AVX512; i++)
		if (!strcmp(s, names[i]))
			return i;
	return UNKNOWN;
}

enum fl_isa fl_isa(void)
{
	/* Every thread computes the same value, so a race is harmless. */
	static atomic_int cached = UNKNOWN;
	int isa = atomic_load_explicit(&cached, memory_order_relaxed);

	if (isa == UNKNOWN) {
		isa = wanted();
		if (isa == UNKNOWN || isa > (int)best())
			isa = (int)best();
		atomic_store_explicit(&cached, isa, memory_order_relaxed);
	}
	return (enum fl_isa)isa;
}

const char *fl_isa_name(enum fl_isa isa)
{
	return names[isa];
}

int fl_isa_check(struct fl_err *e)
{
	int isa = wanted();

	if (isa == UNKNOWN)
		return fl_fail(e, FL_EUSAGE, "FL_CPU=%s: unknown; known: ref, sse2, avx2, avx512",
		               getenv("FL_CPU"));
	if (isa > (int)best())
		return fl_fail(e, FL_EUSAGE, "FL_CPU=%s: this processor has only %s",
		               names[isa], names[best()]);
	return 0;
}
