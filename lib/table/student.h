/* Student's t distribution and the normal one, with the same bits on every machine:
 *   P(|T| > t) = I_x(nu/2, 1/2), x = nu/(nu + t^2),
 * I the regularised incomplete beta function, by the continued fraction of DLMF 8.17.22. */
#ifndef FL_TABLE_STUDENT_H
#define FL_TABLE_STUDENT_H

/* I_x(a,b) for a, b >= 1/2 and 0 <= x <= 1; relative error below 1e-12 for a, b to 1e6. */
double fl_beta_part(double x, double a, double b);
/* P(|T| > |t|) for nu >= 1 degrees of freedom. */
double fl_student_tails(double t, double nu);
/* The t with P(|T| > t) = tails, 0 < tails < 1. */
double fl_student_critical(double tails, double nu);
/* P(|Z| > |z|) of the standard normal, to 1e-15 absolute; the z with that probability. */
double fl_normal_tails(double z);
double fl_normal_critical(double tails);
/* P(Z < z). */
double fl_normal_below(double z);

#endif
