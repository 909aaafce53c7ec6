/* Scalar double functions with the same bits on every x86-64 processor: the C
 * library picks its version by processor, so results could differ between
 * machines. Only + - * / sqrt and fma are used. Errors are below 2 ulp unless
 * said; special values follow C's Annex F. Vector versions: kernel/vmath.h. */
#ifndef FL_BASE_FMATH_H
#define FL_BASE_FMATH_H

double fl_exp(double x);
double fl_expm1(double x);
double fl_log(double x);
double fl_log1p(double x);
double fl_pow(double x, double y);	/* below 4 ulp for results in 1e+-100 */
double fl_tanh(double x);
double fl_erf(double x);
double fl_lgamma(double x);		/* x > 0; absolute error below 1e-14*max(1,|result|) */
/* Differences that do not cancel: for x >= 1/2 and h >= 0, relative errors below
 * 1e-14, of lgamma_diff's absolute 1e-14*max(1,|result|). */
double fl_lgamma_diff(double x, double h);	/* log Gamma(x+h) - log Gamma(x) */
double fl_digamma_diff(double x, double h);	/* psi(x+h) - psi(x), psi = (log Gamma)' */
double fl_trigamma(double x);			/* psi'(x) */
/* What Stirling's formula lacks, x >= 8, relative errors below 3e-14:
 * S(x) = log Gamma(x) - (x - 1/2) log x + x - log(2 pi)/2. */
double fl_stirling(double x);
double fl_stirling_diff(double x, double h);	/* S(x+h) - S(x), h >= 0 */
double fl_cos2pi(double x);		/* cos(2*pi*x), |x| <= 2^20 */
double fl_sin2pi(double x);

#endif
