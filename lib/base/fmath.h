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
double fl_lgamma(double x);		/* x > 0; absolute error below 1e-14*max(1,|result|) */
double fl_cos2pi(double x);		/* cos(2*pi*x), |x| <= 2^20 */
double fl_sin2pi(double x);

#endif
