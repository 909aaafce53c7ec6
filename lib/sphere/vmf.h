/* Von Mises-Fisher distribution on the unit sphere in R^d: density
 * C_d(kappa) exp(kappa c) with respect to surface area, c = mu.x the cosine to the
 * mean direction, natural logarithms (nats) throughout.
 *   log C_d(kappa) = (d/2-1) log kappa - (d/2) log 2 pi - log I_{d/2-1}(kappa)
 * Mardia and Jupp, Directional Statistics, 2000, section 9.3.2.
 *
 * d >= 2, 0 <= kappa <= 1e100, -1 <= c <= 1; NaN outside. Errors measured against
 * mpmath for d = 2 ... 4096 and kappa = 0 ... 1e6: relative below 1e-14 (logc_d2
 * 1e-12), of what can change sign relative to max(1, d, |value|). */
#ifndef FL_SPHERE_VMF_H
#define FL_SPHERE_VMF_H

#include <stddef.h>

#include "base/rng.h"

/* log C_d(0) = log Gamma(d/2) - log 2 - (d/2) log pi: minus the log area of the sphere. */
double fl_sphere_logc0(size_t d);

double fl_vmf_logc(double kappa, size_t d);
/* log C_d(kappa) - log C_d(0) <= 0, without cancellation: about -kappa^2 / 2d when small. */
double fl_vmf_logc_diff(double kappa, size_t d);
double fl_vmf_logc_d1(double kappa, size_t d);		/* derivative: -A_d(kappa) */
double fl_vmf_logc_d2(double kappa, size_t d);		/* second derivative: -A_d'(kappa) */
/* Mean resultant length |E x| = A_d(kappa) = I_{d/2} / I_{d/2-1}. */
double fl_vmf_mean(double kappa, size_t d);
/* kappa with A_d(kappa) = r, the maximum likelihood estimate from a mean resultant
 * length 0 <= r <= 1 (Newton from the estimate of Banerjee et al., JMLR 2005); inf for r = 1. */
double fl_vmf_kappa(double r, size_t d);

double fl_vmf_entropy(double kappa, size_t d);
double fl_vmf_logp(double c, double kappa, size_t d);	/* log density at cosine c */
double fl_vmf_kl_uniform(double kappa, size_t d);	/* KL(vmf || uniform) */
/* KL(vmf(mu1, kappa1) || vmf(mu2, kappa2)), c = mu1.mu2; absolute error below
 * 1e-14 max(d, |result|). */
double fl_vmf_kl(double kappa1, double kappa2, double c, size_t d);

/* The approximation of Li et al. (2021, arXiv 2103.15718), which AsymVLM trains
 * with: with a = (d-1)/2, b = (d+1)/2, u = sqrt(a^2+kappa^2), t = sqrt(b^2+kappa^2),
 *   F_d(kappa) = (a/2) log(a+u) - u/2 + (a/2) log(a+t) - t/2.
 * F_d is log C_d up to a constant and at most 0.11; -F_d' is the mean of two bounds
 * of A_d. _diff is F_d(kappa) - F_d(0) <= 0, without cancellation. */
double fl_vmf_approx(double kappa, size_t d);
double fl_vmf_approx_diff(double kappa, size_t d);
double fl_vmf_approx_d1(double kappa, size_t d);

/* Of kappa(n): diff(n) = logc_diff or approx_diff, d1(n) = its derivative. diff or
 * d1 may be NULL. About 30 ns (approximation) and 200 to 400 ns (exact) an element. */
void fl_vmf_logc_array(const double *kappa, double *diff, double *d1, size_t d, size_t n);
void fl_vmf_approx_array(const double *kappa, double *diff, double *d1, size_t d, size_t n);

/* What two distributions at cosine c(n) have in common: with
 *   log integral of the product = F(a) + F(b) - F(r) + constant, r = |a mu_a + b mu_b|,
 * out(n) = F_d(0) - F_d(r) of the approximation, in [0, a + b], rising with c. */
void fl_vmf_product(double a, const double *b, const float *c, double *out, size_t n, size_t d);

/* Cosine of one draw to the mean direction (Wood, "Simulation of the von Mises
 * Fisher distribution", 1994; Ulrich 1984), and 1 - c^2 to full precision in
 * *sin2 (may be NULL). Arguments in range. */
double fl_vmf_sample_cos(struct fl_rng *r, double kappa, size_t d, double *sin2);
/* x(d): one draw about the unit vector mu(d). x must not alias mu. */
void fl_vmf_sample(struct fl_rng *r, const double *mu, double kappa, double *x, size_t d);

/* x(d) = c mu + s v, c^2 + s^2 = 1, v uniform among the unit vectors orthogonal to mu(d):
 * from a draw of the cosine to a draw of any density of the cosine alone. */
void fl_sphere_tangent(struct fl_rng *r, const double *mu, double c, double s, double *x, size_t d);

#endif
