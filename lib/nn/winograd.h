/* Convolutions of 3x3 places and step 1 by Winograd's F(2x2,3x3), Lavin and Gray,
 * CVPR 2016: 16 products for 2x2 outputs where their definition takes 36.
 *
 * A tile is 2x2 outputs and the 4x4 inputs d they depend on. With
 *   y = A^T [ sum over channels of (G w G^T) . (B^T d B) ] A
 * the sums over channels are 16 products of matrices, one a place of the 4x4, each
 * number of them one chain of multiply-adds in ascending channel, from 0 or, at place
 * (1,1), which all four outputs hold once, from the bias. The transforms of d and dy go
 * along the rows first, the others down the columns, by these sums:
 *   B^T: d0 - d2, d1 + d2, d2 - d1, d1 - d3
 *   G:   w0, ((w0 + w2) + w1) / 2, ((w0 + w2) - w1) / 2, w2
 *   A^T: (m0 + m1) + m2, (m1 - m2) - m3
 * dx is such a convolution of dy with the kernel turned round. dw is what the formula
 * above gives, with e = A dy A^T: G^T [ sum over tiles of (B^T d B) . e ] G, each
 * number of the sum one chain, ascending (image, tile):
 *   A:   y0, y0 + y1, y0 - y1, -y1
 *   G^T: u0 + h, (u1 - u2) / 2, h + u3 where h = (u1 + u2) / 2
 * No order depends on the processor or the batch. Planes of odd size have zeros
 * behind them.
 *
 * Its chains being shorter, it is nearer to the true sums than the definition in F32:
 * of 64 and 128 channels of uniform numbers the greatest error, over the root mean
 * square of all outputs, is 1.5e-6 and 2.4e-6, where direct sums have 4.7e-6 and
 * 5.7e-6 (test/kernel/winograd.c prints the former). */
#ifndef FL_NN_WINOGRAD_H
#define FL_NN_WINOGRAD_H

#include "nn/window.h"

/* Whether O outputs of these windows, not in groups, are computed so. */
int fl_winograd_takes(const struct fl_window *w, size_t O);
/* Reals of scratch, for a batch of any size and for all three passes. */
size_t fl_winograd_scratch(const struct fl_window *w, size_t O);

/* Planes of a batch; with at, those of a gradient after relu and pooling of 2x2, which
 * goes to the places at, as quads.h has them. */
struct fl_winograd_planes {
	const fl_real *x, *at;
};

/* Weights are held (C,3,3,O). bias(O) may be NULL. With relu, outputs are rectified. Where at is
 * not NULL, they are also pooled by 2x2: y and at are then the pooling's outputs and places. */
void fl_winograd_y(const struct fl_window *w, size_t O, size_t B, const fl_real *x,
                   const fl_real *weight, const fl_real *bias, int relu, fl_real *y,
                   fl_real *at, fl_real *scratch);
void fl_winograd_dx(const struct fl_window *w, size_t O, size_t B, struct fl_winograd_planes dy,
                    const fl_real *weight, fl_real *dx, fl_real *scratch);
/* dw += ; row(ctx, c), where not NULL, is called when that of channel c is final, in
 * ascending order. */
void fl_winograd_dw(const struct fl_window *w, size_t O, size_t B, const fl_real *x,
                    struct fl_winograd_planes dy, fl_real *dw, void (*row)(void *ctx, size_t c),
                    void *ctx, fl_real *scratch);

#endif
