/* Coarse products: many dot products at once in a narrow type, faster than F32, with
 * a bound on how far they are from the F32 chains of gemm.h. */
#ifndef FL_KERNEL_COARSE_H
#define FL_KERNEL_COARSE_H

#include <stddef.h>
#include <stdint.h>

/* BF16: products of BF16, sums in F32. INT8: a row is rotated, scaled by its largest
 * value and rounded; sums are exact. */
enum fl_coarse { FL_COARSE_BF16, FL_COARSE_INT8, FL_NCOARSE };

#define FL_COARSE_STRIP 32	/* packed rows come in strips of this many */
#define FL_COARSE_D_MAX 32768	/* values of a row: INT8's sums stay in 32 bits */

/* Whether this processor, and FL_CPU, have the instructions. */
int fl_coarse_has(enum fl_coarse t);
/* The fastest one there is, or FL_NCOARSE. */
enum fl_coarse fl_coarse_best(void);
/* Bytes of a row of d values, a multiple of 64; floats of scratch for one. */
size_t fl_coarse_bytes(enum fl_coarse t, size_t d);
size_t fl_coarse_scratch(enum fl_coarse t, size_t d);
/* row = x(d) in the narrow type; values below 1e18. *scale: what its products are
 * multiplied by. Returns an upper bound on the length of what rounding took away. */
double fl_coarse_row(enum fl_coarse t, const float *x, size_t d, void *row, float *scale,
                     float *scratch);
/* n rows, one after the other, as strips: bytes of n rounded up to whole strips. */
void fl_coarse_pack(enum fl_coarse t, const void *row, size_t n, size_t d, void *packed);
/* Where products are large: bit j % 32 of word i ld + j / 32 of mask says whether
 * c[i][j] >= row[i] or >= col[j]. col: whole strips, or NULL. */
struct fl_coarse_large {
	const float *row, *col;
	uint32_t *mask;
	size_t ld;
};
/* c(m,n), ldc floats between rows, columns up to a whole strip written: products of
 * rows a(m) with packed rows b(n), whose scales are sa(m) and sb (whole strips). c or
 * large may be NULL. */
void fl_coarse_tile(enum fl_coarse t, const void *a, const float *sa, size_t m, const void *b,
                    const float *sb, size_t n, size_t d, float *c, size_t ldc,
                    const struct fl_coarse_large *large);
/* Where x, y have lengths lx, ly <= 1e15 and errors ex, ey: no more than this lies
 * between c and the F32 chain of x and y. */
double fl_coarse_error(enum fl_coarse t, size_t d, double lx, double ex, double ly, double ey);

#endif
