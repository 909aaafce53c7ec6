/* What losses over all pairs of a batch share: the matrix t(B,B) of their logits,
 * row i an image, column j a text, which becomes the gradient of the loss by them.
 * Exponentials in fl_real, sums in double in ascending order. */
#ifndef FL_NN_CONTRAST_H
#define FL_NN_CONTRAST_H

#include "nn/layer.h"

/* Shares of the two directions in a contrastive loss. */
enum fl_direction { FL_BOTH, FL_T2I, FL_I2T };
extern const char *const fl_direction_name[];	/* by the above, NULL-terminated */

struct fl_contrast {
	size_t B;
	enum fl_direction direction;
	fl_real *t;		/* (B,B) */
	double *rows, *columns;	/* (B) sums of the gradient, written; rows may be NULL */
	fl_real *room;		/* (fl_contrast_room(B)) */
};
size_t fl_contrast_room(size_t B);
/* Softmax cross-entropy with targets i = j: over rows (i2t), over columns (t2i), or the
 * mean of both. grad: t becomes the gradient. */
double fl_contrast_softmax(struct fl_contrast *c, int grad);
/* scale times the sum of -log sigmoid(t) where i = j and of -log sigmoid(-t) elsewhere. */
double fl_contrast_sigmoid(struct fl_contrast *c, double scale, int grad);

/* Reals of scratch for the product by any number of threads and in any precision that a
 * loss may be given. */
size_t fl_loss_product_scratch(const fl_product *q);

/* n(B) = sums of squares of rows x(B,d) with ld reals from one to the next. */
void fl_row_squares(const fl_real *x, double *n, size_t B, size_t d, size_t ld);
/* Inner product in double (nn/lanes.h). */
double fl_row_dot(const fl_real *x, const fl_real *y, size_t d);
/* Row b of mean(B,d) = x(d) / |x|, or zeros; mean may be NULL. Returns |x|. */
double fl_posterior_unit(float *mean, const fl_real *x, size_t b, size_t d);

#endif
