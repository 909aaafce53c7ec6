/* Modified Bessel functions of the first kind in logarithms, for real order
 * v >= 0 and 0 <= kappa <= 1e100, NaN outside. Errors are measured against mpmath
 * at v = d/2 - 1, d = 2 ... 4096, and kappa = 0 ... 1e6.
 *
 * Two routes, by w = sqrt(v^2 + kappa^2). Below 30, and for the logarithm where
 * it is small: the power series (all terms positive) and the continued fraction
 * of the ratio. Else the logarithm of the uniform asymptotic expansion of large
 * order (Debye; DLMF 10.41.3), taken in powers of 1/w, which makes it the
 * expansion of large kappa as well (DLMF 10.40.1): one formula for v = 0 too.
 * 16 terms leave less than 1e-16 at w = 30. */
#ifndef FL_SPHERE_LBESSEL_H
#define FL_SPHERE_LBESSEL_H

/* Relative errors below 1e-14, also where a value is tiny, except where said. */
struct fl_lbessel {
	double log;	/* log 0F1(; v+1; kappa^2/4) = log[I_v(kappa) Gamma(v+1) (2/kappa)^v], >= 0 */
	double gap;	/* kappa - log; absolute error below 1e-14 max(1, v, |gap|) */
	double ratio;	/* A = I_{v+1}(kappa) / I_v(kappa), the derivative of log; in [0,1) */
	double corest;	/* 1 - A, relative error below 1e-13 */
	double slope;	/* dA/dkappa, > 0, relative error below 1e-12 */
	double legendre;/* kappa A - log, >= 0 */
};

void fl_lbessel(double v, double kappa, struct fl_lbessel *b);

/* log I_v(kappa); relative error below 1e-14 of max(1, v, |result|). -inf for kappa = 0 < v. */
double fl_lbessel_i(double v, double kappa);

#endif
