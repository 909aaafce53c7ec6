/* Which instruction set this process uses: the processor's best, or FL_CPU. */
#include "kernel/isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<sys/platform/x86.h>) && !defined FL_SAN
#include <sys/platform/x86.h>
/* The C library has asked the processor already: in a virtual machine each question
 * takes microseconds, and gcc's own table asks a dozen whenever a program starts. (The
 * library's header shifts a 1 into the sign bit, at which sanitizers stop.) */
#define HAS(libc, gcc) (CPU_FEATURE_ACTIVE(libc) != 0)
#else
#define HAS(libc, gcc) (__builtin_cpu_init(), __builtin_cpu_supports(gcc) != 0)
#endif

static const char *const names[] = { "ref", "sse2", "avx2", "avx512" };

#define UNKNOWN (-1)

/* Mirrors FL_TARGET_AVX2 and FL_TARGET_AVX512. */
static enum fl_isa best(void)
{
	if (!HAS(AVX2, "avx2") || !HAS(FMA, "fma") || !HAS(F16C, "f16c"))
		return FL_ISA_SSE2;
	if (!HAS(AVX512F, "avx512f") || !HAS(AVX512DQ, "avx512dq") || !HAS(AVX512BW, "avx512bw") ||
	    !HAS(AVX512VL, "avx512vl"))
		return FL_ISA_AVX2;
	return FL_ISA_AVX512;
}

int fl_isa_has(enum fl_feature f)
{
	switch (f) {
	case FL_AVX512_BF16: return HAS(AVX512_BF16, "avx512bf16");
	case FL_AVX512_VNNI: return HAS(AVX512_VNNI, "avx512vnni");
	case FL_AVX512_VBMI: return HAS(AVX512_VBMI, "avx512vbmi");
	}
	return 0;
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
