/* Two towers' rows as unit vectors, and cross-entropies of the matrices of their cosines
 * towards soft targets: what losses of M3CoL share. Products are chains; sums over a row
 * run in double in ascending order. */
#ifndef FL_NN_TOWERS_H
#define FL_NN_TOWERS_H

#include "nn/layer.h"

struct fl_towers {
	size_t B, d;
	double tau;
	const struct fl_batch *batch;
	fl_real *raw[2], *u[2], *du[2], *inv[2];	/* (B,d) x3: rows, of unit length, gradients; (B) */
	fl_real *t, *s, *r, *q;			/* (B,B): rows by columns, transposed, targets, free */
	fl_real *row, *room;			/* (B), of products */
};
/* Reals for batches of B of towers d wide. */
size_t fl_towers_scratch(size_t B, size_t d);
/* From z, whose rows hold the towers at columns at[0] and at[1]; t becomes cosines over
 * tau, s its transposed. */
void fl_towers_begin(struct fl_towers *w, const struct fl_batch *b, const size_t at[2], size_t d,
                     double tau);
/* m(B,B) = the cosines over tau of tower i with tower j. */
void fl_towers_cosines(struct fl_towers *w, int i, int j, fl_real *m);
/* The sum over rows of cross-entropy from r(B,B) to the softmax of m(B,B). Where scale is
 * not 0, m becomes scale times its gradient, and that by r joins dr, which may be NULL. */
double fl_towers_entropy(struct fl_towers *w, fl_real *m, const fl_real *r, double scale,
                         fl_real *dr);
/* dm(B,B), a gradient by the cosines over tau of tower i with tower j, into both. */
void fl_towers_back(struct fl_towers *w, int i, int j, const fl_real *dm);
/* Takes t and s, which are gradients now, back, and writes dz of the towers' columns. */
void fl_towers_end(struct fl_towers *w, const size_t at[2]);
void fl_towers_transpose(const struct fl_towers *w, const fl_real *m, fl_real *out);

#endif
