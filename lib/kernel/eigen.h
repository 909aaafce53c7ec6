/* Eigenvalues and eigenvectors of a symmetric matrix, in double. */
#ifndef FL_KERNEL_EIGEN_H
#define FL_KERNEL_EIGEN_H

#include <stddef.h>

#include "base/err.h"

/* a(n,n), of which the lower triangle is read and all of it is destroyed, becomes
 * eigenvalues w(n), largest first, and v(n,n), whose row i is the unit eigenvector of w[i]:
 * a = sum_i w_i v_i v_i^T. The sign of a vector is such that its component of largest
 * magnitude, the first of equals, is positive. Vectors of equal eigenvalues are some basis
 * of their space, the same on every processor.
 *
 * Jacobi's rotations in a fixed order: residuals |a v_i - w_i v_i|, errors of w_i, and
 * v_i v_j - [i = j] are within some n ulp of the largest |w|, of 1 for the last. Small
 * eigenvalues of a positive definite matrix have as many correct digits as those of the
 * matrix scaled to a diagonal of ones (Demmel and Veselic, SIAM J. Matrix Anal. 13, 1992).
 * About 40 n^3 operations: 0.05 s for n = 200, 1.5 s for n = 512.
 * FL_ENUM, with its place, where a number is not finite. a, w and v apart. */
int fl_eigen(double *a, size_t n, double *w, double *v, struct fl_err *e);

#endif
