/* What this processor can do: F32 multiply-adds from registers alone, in GFLOP/s of
 * one core, with the widest vectors it has. The best of several tries. */
#define _GNU_SOURCE
#include <immintrin.h>
#include <stdio.h>
#include <time.h>

#define CHAINS 12		/* independent sums: hide the latency of two units */
#define STEPS 2000000L
#define TRIES 15

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define LOOP(name, isa, vec, set1, fma)                                    \
	__attribute__((target(isa))) static float name(long steps)         \
	{                                                                  \
		vec a[CHAINS], x = set1(.999f), y = set1(.001f);           \
		float out[16];                                             \
		for (int i = 0; i < CHAINS; i++)                           \
			a[i] = set1((float)i);                             \
		for (long k = 0; k < steps; k++)                           \
			_Pragma("GCC unroll 12")                           \
			for (int i = 0; i < CHAINS; i++)                   \
				a[i] = fma(a[i], x, y);                    \
		for (int i = 1; i < CHAINS; i++)                           \
			a[0] = fma(a[0], x, a[i]);                         \
		__builtin_memcpy(out, &a[0], sizeof a[0]);                 \
		return out[0];                                             \
	}
LOOP(wide, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps)
LOOP(narrow, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps)

int main(void)
{
	int lanes = __builtin_cpu_supports("avx512f") ? 16 :
	            __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 8 : 0;
	double best = 0;
	float sink = 0;

	for (int i = 0; lanes && i < TRIES; i++) {
		double start = now(), rate;

		sink += lanes == 16 ? wide(STEPS) : narrow(STEPS);
		rate = 2. * CHAINS * lanes * STEPS / (now() - start) / 1e9;
		if (rate > best)
			best = rate;
	}
	printf("%.1f\n", best);
	return sink == 1e30f;
}
