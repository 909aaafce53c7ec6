/* Power Spherical distribution on the unit sphere in R^d (De Cao and Aziz 2020,
 * arXiv 2006.04437): density C_d(kappa) (1 + c)^kappa with respect to surface area,
 * c = mu.x, natural logarithms (nats). (1 + c)/2 ~ Beta(a + kappa, a), a = (d-1)/2:
 *   log C_d(kappa) = log Gamma(2a+kappa) - log Gamma(a+kappa) - (2a+kappa) log 2 - a log pi
 * log C_d(0) = fl_sphere_logc0(d) of vmf.h.
 *
 * d >= 2, 0 <= kappa <= 1e100, -1 <= c <= 1; NaN outside. Errors measured against
 * mpmath for d = 2 ... 4096 and kappa = 0 ... 1e6: relative below 1e-14, of what can
 * change sign relative to max(1, d, |value|), except where said. */
#ifndef FL_SPHERE_PS_H
#define FL_SPHERE_PS_H

#include <stddef.h>

#include "base/rng.h"

double fl_ps_logc(double kappa, size_t d);
/* log C_d(kappa) - log C_d(0), without cancellation, 0 at kappa = 0 and 1, positive
 * between. Near kappa = 1 the error is relative to 1/d instead. */
double fl_ps_logc_diff(double kappa, size_t d);
/* Derivative psi(2a+kappa) - psi(a+kappa) - log 2 = -E log(1 + c); absolute error
 * below 1e-14 max(|value|, 1/d): it changes sign near kappa = 1/2. */
double fl_ps_logc_d1(double kappa, size_t d);
/* Of kappa(n): diff(n), d1(n), either may be NULL; about 60 to 120 ns for each. */
void fl_ps_logc_array(const double *kappa, double *diff, double *d1, size_t d, size_t n);

double fl_ps_mean(double kappa, size_t d);	/* |E x| = kappa / (kappa + d - 1) */
double fl_ps_entropy(double kappa, size_t d);
double fl_ps_logp(double c, double kappa, size_t d);	/* log density at cosine c */
double fl_ps_kl_uniform(double kappa, size_t d);	/* KL(ps || uniform) */
/* KL(ps(mu1, kappa) || vmf(mu2, lambda)), c = mu1.mu2. (The other way round has no
 * closed form.) */
double fl_ps_kl_vmf(double kappa, double lambda, double c, size_t d);

/* Cosine of one draw, 1 - c^2 to full precision in *sin2 (may be NULL), and a draw
 * x(d) about the unit vector mu(d); x must not alias mu. Arguments in range. */
double fl_ps_sample_cos(struct fl_rng *r, double kappa, size_t d, double *sin2);
void fl_ps_sample(struct fl_rng *r, const double *mu, double kappa, double *x, size_t d);

#endif
