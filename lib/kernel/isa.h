/* Run-time choice of instruction set, and the macro that compiles one body for
 * each. Same bits everywhere: bodies are plain C without contraction
 * (-ffp-contract=off); where a fused multiply-add is meant it is written. */
#ifndef FL_KERNEL_ISA_H
#define FL_KERNEL_ISA_H

#include "base/err.h"

enum fl_isa { FL_ISA_REF, FL_ISA_SSE2, FL_ISA_AVX2, FL_ISA_AVX512 };

/* The best set the processor has, or what FL_CPU=ref|sse2|avx2|avx512 says.
 * Thread-safe, and cheap after the first call. */
enum fl_isa fl_isa(void);
const char *fl_isa_name(enum fl_isa isa);
/* What the processor and the system have beside the set. */
enum fl_feature { FL_AVX512_BF16, FL_AVX512_VNNI, FL_AVX512_VBMI };
int fl_isa_has(enum fl_feature f);
/* FL_EUSAGE when FL_CPU is unknown or names what this processor lacks. Tools
 * call it at start; fl_isa() alone falls back to the best set. */
int fl_isa_check(struct fl_err *e);

#define FL_TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#define FL_TARGET_AVX512 \
	__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c,prefer-vector-width=512")))

/* FL_ISA_FN(name, (params), (args)) defines void name(params) that runs
 * name_body, an always_inline function defined above, compiled for each set. */
#define FL_ISA_FN(name, params, args)                                       \
	static void name##_base params { name##_body args; }                \
	FL_TARGET_AVX2 static void name##_avx2 params { name##_body args; } \
	FL_TARGET_AVX512 static void name##_avx512 params { name##_body args; } \
	void name params                                                    \
	{                                                                   \
		switch (fl_isa()) {                                         \
		case FL_ISA_AVX512: name##_avx512 args; break;              \
		case FL_ISA_AVX2: name##_avx2 args; break;                  \
		default: name##_base args; break;                           \
		}                                                           \
	}
#define FL_BODY static inline __attribute__((always_inline))

#endif
