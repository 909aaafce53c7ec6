/* What losses of diagonal Gaussians about unit vectors share (pcmepp, prolip).
 * Outputs of a pair: log variances s_i(d) and s_t(d), then the embeddings t(d) and
 * x(d), which stay as they are: their gradient is 0. What a loss has behind them is
 * its own. */
#ifndef FL_NN_GAUSS_H
#define FL_NN_GAUSS_H

#include "nn/contrast.h"

enum { FL_GAUSS_IMAGE_VAR, FL_GAUSS_TEXT_VAR, FL_GAUSS_TEXT, FL_GAUSS_IMAGE, FL_GAUSS_PARTS };

/* Parameter "score": how texts and images are compared afterwards. */
#define FL_GAUSS_SCORE(S) \
	{ "score", FL_P_ENUM, offsetof(S, score), "cosine", 0, 0, fl_gauss_score_name, "name", \
	  "comparison afterwards: cosine, as published, or csd" }
extern const char *const fl_gauss_score_name[];

struct fl_gauss {
	size_t B, C, d;
	const fl_real *z;		/* (B,C) */
	double *var[2];			/* (B) sums of exp(s) of images and of texts */
	fl_real *exp;			/* (B,2d) exp(s_i), exp(s_t) */
	struct fl_contrast c;		/* c.t: inner products <x_i, t_j> */
};
size_t fl_gauss_scratch(size_t B, size_t C, size_t d);
/* Fills all. */
void fl_gauss_begin(struct fl_gauss *g, const struct fl_batch *b, size_t d);
/* dz of the four parts: exp(s) times factor, by rows or columns of the gradient
 * c.rows and c.columns, which are by the sums of variances; 0 elsewhere. */
void fl_gauss_gradient(const struct fl_gauss *g, double factor, fl_real *dz);

void fl_gauss_reading(size_t d, int score, struct fl_reading *r);
void fl_gauss_posterior(enum fl_side side, const fl_real *z, size_t B, size_t C, size_t d,
                        struct fl_posterior *out);

#endif
