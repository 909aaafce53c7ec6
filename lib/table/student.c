#include "table/student.h"

#include <math.h>

#include "base/fmath.h"

#define TERMS 100000	/* about sqrt(a+b) are needed */
#define HALVINGS 200
#define DEPTH 200	/* of the continued fraction: its error is e^(-4 sqrt(DEPTH x)), x >= 1 */
#define SQRT_HALF 0.70710678118654752440
#define INVERSE_SQRT_PI 0.56418958354775628695
#define LGAMMA_HALF 0.57236494292470008707	/* log Gamma(1/2) = log(pi)/2 */

/* log B(a,b): the difference of two large logarithms is taken as one. */
static double log_beta(double a, double b)
{
	double large = a > b ? a : b, small = a > b ? b : a;
	double first = small == .5 ? LGAMMA_HALF : fl_lgamma(small);

	return first - fl_lgamma_diff(large, small);
}

/* The continued fraction of I_x(a,b), evaluated from the front (Lentz's method as modified
 * by Thompson and Barnett). */
static double fraction(double x, double a, double b)
{
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
	f = d;
	for (int m = 1; m <= TERMS; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), step;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
		f *= d * (fabs(c) < 1e-300 ? 1e-300 : c);
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
		step = d * (fabs(c) < 1e-300 ? 1e-300 : c);
		f *= step;
		if (fabs(step - 1) < 1e-16)
			break;
	}
	return f;
}

/* I_x(a,b) where y = 1 - x is known better than by that difference. */
static double beta_part(double x, double y, double a, double b)
{
	double front;

	if (!(x > 0))
		return 0;
	if (!(y > 0))
		return 1;
	/* Near 1, a logarithm times a large power wants all digits of what is lacking to 1. */
	front = fl_exp(a * (y < .5 ? fl_log1p(-y) : fl_log(x)) +
	               b * (x < .5 ? fl_log1p(-x) : fl_log(y)) - log_beta(a, b));
	if (x < (a + 1) / (a + b + 2))
		return front * fraction(x, a, b) / a;
	return 1 - front * fraction(y, b, a) / b;
}

double fl_beta_part(double x, double a, double b)
{
	return beta_part(x, 1 - x, a, b);
}

double fl_student_tails(double t, double nu)
{
	double square = t * t;

	if (!(square < INFINITY))
		return 0;
	return beta_part(nu / (nu + square), square / (nu + square), nu / 2, .5);
}

/* The t > 0 where a function that falls from 1 to 0 takes the value p. */
static double find(double (*tails)(double t, double nu), double nu, double p)
{
	double low = 0, high = 1;

	while (tails(high, nu) > p && high < 1e300)
		high *= 2;
	for (int i = 0; i < HALVINGS; i++) {
		double middle = low + (high - low) / 2;

		if (!(low < middle && middle < high))
			break;
		if (tails(middle, nu) > p)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double fl_student_critical(double tails, double nu)
{
	return find(fl_student_tails, nu, tails);
}

/* P(|Z| > z) = erfc(z/sqrt 2) = Gamma(1/2, z^2/2)/sqrt(pi): erf where it is small, else the
 * continued fraction of DLMF 8.9.2, from the back. */
double fl_normal_tails(double z)
{
	double x = z * z / 2, f;

	if (x < 1)
		return 1 - fl_erf(fabs(z) * SQRT_HALF);
	f = x + 2 * DEPTH + .5;
	for (int k = DEPTH; k >= 1; k--)
		f = x + 2 * k - 1.5 - k * (k - .5) / f;
	return fl_exp(-x) * fabs(z) * SQRT_HALF / f * INVERSE_SQRT_PI;
}

static double normal_tails(double z, double unused)
{
	(void)unused;
	return fl_normal_tails(z);
}

double fl_normal_critical(double tails)
{
	return find(normal_tails, 0, tails);
}

double fl_normal_below(double z)
{
	double tails = fl_normal_tails(z);

	return z < 0 ? tails / 2 : 1 - tails / 2;
}
