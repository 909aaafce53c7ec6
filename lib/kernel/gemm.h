/* Row-major products with the same bits on every processor.
 *
 * Element c[i][j] is ONE chain of fused multiply-adds in ascending k:
 *   acc = start;  for k in 0..K-1: acc = fmaf(a[i][k], b[k][j], acc)
 * where start is 0, a bias, or the c[i][j] that is there. Tiles over i and j,
 * and blocks over k that store and reload the F32 accumulator, keep the chain.
 *
 * With FL_GEMM_BF16 operands are rounded to bfloat16 first, to nearest, ties to even,
 * and below 2^-126 to 0; c and the bias stay F32. Each pair of k, completed by zeros,
 * then goes into the chain odd one first:
 *   for k in 0,2,4..: acc = z(fmaf(a[i][k+1], b[k+1][j], z(acc)))
 *                     acc = z(fmaf(a[i][k], b[k][j], acc))
 * where z turns into 0 what, rounded to 24 bits, is below 2^-126. That is vdpbf16ps as
 * Intel documents it; where the processor has it and it answers so, it is used: on
 * Zen 5 1.8 times the F32 rate. AMX sums in another order.
 *
 * FL_BLAS=openblas gives large products to OpenBLAS, whose bits differ;
 * fl_gemm_provenance() says so. Threads, where wanted, split rows of c. */
#ifndef FL_KERNEL_GEMM_H
#define FL_KERNEL_GEMM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* bias[j], or bias[i] with ROW_BIAS. */
enum fl_gemm_start { FL_GEMM_ZERO, FL_GEMM_BIAS, FL_GEMM_ROW_BIAS, FL_GEMM_ADD };

enum fl_gemm_precision { FL_GEMM_F32, FL_GEMM_BF16 };
extern const char *const fl_gemm_precision_name[];	/* NULL-terminated */

struct fl_gemm {
	size_t M, N, K;
	const float *a;		/* op(a)(M,K): a(M,K), or a(K,M) where ta */
	const float *b;		/* op(b)(K,N): b(K,N), or b(N,K) where tb */
	float *c;		/* (M,N); must not alias a or b */
	size_t lda, ldb, ldc;	/* floats between rows as stored */
	int ta, tb;
	/* An operand by offsets, where not NULL; then its ld and t are not looked at:
	 * op(a)[i][k] = a[ai[i] + ak[k]], op(b)[k][j] = b[bk[k] + bj[j]]. Windows of
	 * an image are such an operand. */
	const uint32_t *ai, *ak, *bk, *bj;
	enum fl_gemm_start start;
	const float *bias;	/* (N) or (M) */
	enum fl_gemm_precision precision;	/* BF16: without offsets */
	int relu;		/* c = max(c, 0) after the last k; NaN stays NaN */
	/* Called, where not NULL, when rows [i0,i1) of c are final, in ascending
	 * order, often while they are in cache: the place for an optimiser's update. */
	void (*rows)(void *ctx, size_t i0, size_t i1);
	void *ctx;
};

/* Floats of scratch a product needs (0 for shapes that need none). */
size_t fl_gemm_scratch(const struct fl_gemm *g);
/* scratch: fl_gemm_scratch(g) floats, 64-byte aligned; may be NULL if 0. */
void fl_gemm(const struct fl_gemm *g, float *scratch);
/* The same bits by several threads; rows must be NULL. */
size_t fl_gemm_par_scratch(const struct fl_gemm *g, int threads);
void fl_gemm_par(const struct fl_gemm *g, float *scratch, int threads);
/* The definition: three loops over fmaf. */
void fl_gemm_ref(const struct fl_gemm *g);
/* The same in double for the gradient tests; plain products. */
struct fl_gemm64 {
	size_t M, N, K;
	const double *a, *b;
	double *c;
	size_t lda, ldb, ldc;
	int ta, tb;
	const uint32_t *ai, *ak, *bk, *bj;
	enum fl_gemm_start start;
	const double *bias;
	enum fl_gemm_precision precision;	/* not looked at */
	int relu;
	void (*rows)(void *ctx, size_t i0, size_t i1);
	void *ctx;
};
void fl_gemm64(const struct fl_gemm64 *g);

/* Reads FL_BLAS (unset, empty or "own", or "openblas"; else FL_EUSAGE, also
 * where this program was not linked with OpenBLAS). Once, at start. */
int fl_gemm_init(struct fl_err *e);
/* "" in the default mode, "FL_BLAS=openblas" otherwise: goes into fl.prov. */
const char *fl_gemm_provenance(void);

#endif
