/* Normalisation: planes of P numbers, sets of planes that share mean and
 * variance, a gain and an offset for each of C channels. What batch, group and
 * layer normalisation share. */
#ifndef FL_NN_NORM_H
#define FL_NN_NORM_H

#include "nn/layer.h"

struct fl_norm {
	size_t B, C, P;		/* x(B,C,P): plane k belongs to channel k mod C */
	size_t sets, planes;	/* sets of so many planes */
	int batch;		/* set j holds every C-th plane from j on; else planes in a row */
};

/* stat(sets,2) = mean and biased variance, rounded once from sums in double (nn/lanes.h),
 * the variance from differences to the mean. */
void fl_norm_stats(const struct fl_norm *n, const fl_real *x, fl_real *stat);
/* y = (x - mean) / sqrt(var + eps) * gain + offset; these may be NULL. */
void fl_norm_apply(const struct fl_norm *n, const fl_real *x, const fl_real *stat, double eps,
                   const fl_real *gain, const fl_real *offset, fl_real *y);
/* dgain, doffset (C) += their gradients. */
void fl_norm_affine(const struct fl_norm *n, const fl_real *x, const fl_real *stat, double eps,
                    const fl_real *dy, fl_real *dgain, fl_real *doffset);
/* dx; frozen: the statistics did not come from x. */
void fl_norm_input(const struct fl_norm *n, const fl_real *x, const fl_real *stat, double eps,
                   const fl_real *gain, const fl_real *dy, fl_real *dx, int frozen);

/* Layers whose first two parameters are "weight" and "bias" of C, unless affine
 * is 0: their declaration, initial values, and gradient with done(). */
void fl_norm_declare(struct fl_layer *l, size_t C, int affine);
void fl_norm_init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w);
/* y of such a layer by the statistics of x, which go to the cache; affine as declared. */
void fl_norm_forward(const struct fl_layer *l, const struct fl_pass *a, const struct fl_norm *n,
                     double eps, int affine);
/* Both gradients, frozen as above. */
void fl_norm_backward(const struct fl_layer *l, const struct fl_pass *a, const struct fl_norm *n,
                      const fl_real *stat, double eps, int affine, int frozen);

#endif
