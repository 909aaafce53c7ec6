/* log I_v, I_{v+1}/I_v and what von Mises-Fisher needs of them; see lbessel.h.
 *
 * With w = sqrt(v^2 + k^2) and p = v/w,
 *   log I_v(k) = w + v log(k / (v + w)) - log(2 pi w)/2 + S,
 *   S = sum_n q_n(p^2) / w^n;
 * each quantity below is this formula with what would cancel taken out first. */
#include "sphere/lbessel.h"

#include <math.h>
#include <stddef.h>

#include "base/fmath.h"

#define LOG_2PI 0x1.d67f1c864beb5p+0
#define KAPPA_MAX 1e100		/* v^2 + kappa^2 stays finite */
#define W_DEBYE 30		/* from here 16 terms of S are enough */
#define V_STIRLING 8		/* from here Stirling's series replaces lgamma */

/* The polynomials q_1 ... q_16, by debye.py. */
static const double debye_q[] = {
#include "sphere/debye.inc"
};
#define DEBYE_N 16

struct debye {
	double w, s, s1, s2;	/* S, w dS/dw, w^2 d^2S/dw^2 */
};

/* Every term c t^j / w^n of S, t = (v/w)^2, is a power w^-(n+2j). Terms shrink at
 * least as fast as (n-1)! / (2w)^n, the bound that ends the sum. */
static void debye(double v, double kappa, struct debye *b)
{
	const double *c = debye_q;
	double w = sqrt(v * v + kappa * kappa), t = (v / w) * (v / w), power = 1, bound = 1;

	*b = (struct debye){ .w = w };
	for (int n = 1; n <= DEBYE_N && bound > 0x1p-64; n++, c += n) {
		double q = 0, q1 = 0, q2 = 0;

		for (int j = n; j >= 0; j--) {
			double e = n + 2 * j;

			q = q * t + c[j];
			q1 = q1 * t - e * c[j];
			q2 = q2 * t + e * (e + 1) * c[j];
		}
		power /= w;
		b->s += power * q;
		b->s1 += power * q1;
		b->s2 += power * q2;
		bound *= n / (2 * w);
	}
}

/* A, 1 - A and A' from the derivative of the expansion. */
static void ratio_debye(double v, double kappa, const struct debye *b, struct fl_lbessel *y)
{
	double w = b->w, k = kappa / w, p = v / w, small = (b->s1 - .5) / w * k;

	y->ratio = kappa / (v + w) + small;
	y->corest = (v + v * (v / (w + kappa))) / (v + w) - small;
	y->slope = p / (v + w) + (.5 * (k * k - p * p) + b->s1 * p * p + b->s2 * k * k) / (w * w);
}

/* r_m = I_{m+1}/I_m by r_{m-1} = kappa / (2m + kappa r_m), downwards from far above,
 * which forgets the start. kappa < 30. A' = A (1/kappa - A + r_{v+1}). */
static void ratio_fraction(double v, double kappa, struct fl_lbessel *y)
{
	double r = 0, above = 0;

	for (int i = (int)kappa + 20; i > 0; i--) {
		above = r;
		r = kappa / (2 * (v + i) + kappa * r);
	}
	y->ratio = r;
	y->corest = 1 - r;
	/* r / kappa, which stands for r's limit at 0 too */
	y->slope = 1 / (2 * (v + 1) + kappa * above) - r * (r - above);
}

/* log of sum_n x^n / (n! (v+1)_n), x = kappa^2/4. */
static double log_series(double v, double kappa)
{
	double x = .25 * kappa * kappa, term = 1, sum = 0;

	for (int n = 1; term > 0x1p-58 * sum; n++) {
		term *= x / (n * (v + n));
		sum += term;
	}
	return fl_log1p(sum);
}

/* What log falls short of w - v by: v log((v+w)/2v) + log(w/v)/2 - (S - S at kappa
 * = 0), S at 0 being minus Stirling's remainder of v; for small v the same with
 * log Gamma(v+1) instead. */
static double shortfall(double v, double kappa, const struct debye *b)
{
	double w = b->w, e;

	if (v < V_STIRLING)
		return v * (fl_log((v + w) / 2) - 1) + .5 * (LOG_2PI + fl_log(w)) -
		       fl_lgamma(v + 1) - b->s;
	e = kappa / (v + w) * (kappa / (2 * v));	/* (w - v) / 2v */
	return v * fl_log1p(e) + .5 * fl_log1p(2 * e) - (b->s + fl_stirling(v));
}

static void log_debye(double v, double kappa, const struct debye *b, struct fl_lbessel *y)
{
	double w = b->w, m = shortfall(v, kappa, b), k = kappa / (v + w);

	y->log = kappa * k - m;
	y->gap = k * (v + v * (v / (w + kappa))) + m;
	y->legendre = m + (b->s1 - .5) * (kappa / w) * (kappa / w);
}

static int in_range(double v, double kappa)
{
	return v >= 0 && v < KAPPA_MAX && kappa >= 0 && kappa <= KAPPA_MAX;
}

void fl_lbessel(double v, double kappa, struct fl_lbessel *y)
{
	struct debye b;
	int large;

	if (!in_range(v, kappa)) {
		*y = (struct fl_lbessel){ NAN, NAN, NAN, NAN, NAN, NAN };
		return;
	}
	large = v * v + kappa * kappa >= W_DEBYE * W_DEBYE;
	if (large) {
		debye(v, kappa, &b);
		ratio_debye(v, kappa, &b, y);
	} else {
		ratio_fraction(v, kappa, y);
	}
	if (large && .25 * kappa * kappa >= v + 1) {
		log_debye(v, kappa, &b, y);
		return;
	}
	y->log = log_series(v, kappa);
	y->gap = kappa - y->log;
	y->legendre = kappa * y->ratio - y->log;
}

double fl_lbessel_i(double v, double kappa)
{
	struct debye b;

	if (!in_range(v, kappa))
		return NAN;
	if (kappa == 0)
		return v > 0 ? -INFINITY : 0;
	if (v * v + kappa * kappa < W_DEBYE * W_DEBYE)
		return log_series(v, kappa) + v * fl_log(kappa / 2) - fl_lgamma(v + 1);
	debye(v, kappa, &b);
	return b.w + v * fl_log(kappa / (v + b.w)) - .5 * (LOG_2PI + fl_log(b.w)) + b.s;
}
