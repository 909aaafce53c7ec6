/* Elementary functions against mpmath (test/golden/fmath/make.py), and the
 * special values of C's Annex F. */
#include "base/fmath.h"
#include "tap.h"

enum { F_exp, F_expm1, F_log, F_log1p, F_pow, F_tanh, F_erf, F_lgamma, F_cos2pi, F_sin2pi, F_COUNT };

struct point {
	int f;
	double x, y, value, lacks;	/* value + lacks is exact to 106 bits */
};

static const struct point table[] = {
#include "golden/fmath/table.inc"
};

static const char *const names[] = {
	"exp", "expm1", "log", "log1p", "pow", "tanh", "erf", "lgamma", "cos2pi", "sin2pi"
};

static double call(const struct point *p)
{
	switch (p->f) {
	case F_exp: return fl_exp(p->x);
	case F_expm1: return fl_expm1(p->x);
	case F_log: return fl_log(p->x);
	case F_log1p: return fl_log1p(p->x);
	case F_pow: return fl_pow(p->x, p->y);
	case F_tanh: return fl_tanh(p->x);
	case F_erf: return fl_erf(p->x);
	case F_lgamma: return fl_lgamma(p->x);
	case F_cos2pi: return fl_cos2pi(p->x);
	default: return fl_sin2pi(p->x);
	}
}

/* Error in units of the last place; lgamma's in 1e-14 max(1, |value|). */
static double error(const struct point *p)
{
	double off = fabs((call(p) - p->value) - p->lacks), ulp;
	int e;

	if (p->f == F_lgamma)
		return off / (1e-14 * fmax(1, fabs(p->value)));
	frexp(p->value, &e);
	ulp = ldexp(1, e - 53 < -1074 ? -1074 : e - 53);
	return off / ulp;
}

static void accuracy(void)
{
	double worst[F_COUNT] = { 0 };
	int seen[F_COUNT] = { 0 };

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		double e = error(&table[i]);

		seen[table[i].f]++;
		if (!(e <= worst[table[i].f]))
			worst[table[i].f] = e;
	}
	for (int f = 0; f < F_COUNT; f++)
		ok(seen[f] >= 100 && worst[f] < (f == F_pow ? 4 : f == F_lgamma ? 1 : 2),
		   "%s: worst error %.3f %s of %d points", names[f], worst[f],
		   f == F_lgamma ? "of 1e-14" : "ulp", seen[f]);
}

static int same(double a, double b)
{
	return isnan(b) ? isnan(a) : a == b && !signbit(a) == !signbit(b);
}

static void special(void)
{
	static const struct { double arg[2]; int f; double want; } s[] = {
		{ { INFINITY }, F_exp, INFINITY }, { { -INFINITY }, F_exp, 0 },
		{ { 710 }, F_exp, INFINITY }, { { -746 }, F_exp, 0 }, { { -0. }, F_exp, 1 },
		{ { NAN }, F_exp, NAN }, { { -745 }, F_exp, 0x1p-1074 },
		{ { -0. }, F_expm1, -0. }, { { -INFINITY }, F_expm1, -1 },
		{ { INFINITY }, F_expm1, INFINITY }, { { NAN }, F_expm1, NAN },
		{ { 0 }, F_log, -INFINITY }, { { -0. }, F_log, -INFINITY }, { { -1 }, F_log, NAN },
		{ { 1 }, F_log, 0 }, { { INFINITY }, F_log, INFINITY }, { { NAN }, F_log, NAN },
		{ { -1 }, F_log1p, -INFINITY }, { { -2 }, F_log1p, NAN }, { { -0. }, F_log1p, -0. },
		{ { INFINITY }, F_log1p, INFINITY }, { { NAN }, F_log1p, NAN },
		{ { INFINITY }, F_tanh, 1 }, { { -INFINITY }, F_tanh, -1 }, { { -0. }, F_tanh, -0. },
		{ { NAN }, F_tanh, NAN }, { { -0. }, F_erf, -0. }, { { NAN }, F_erf, NAN },
		{ { INFINITY }, F_erf, 1 }, { { -INFINITY }, F_erf, -1 }, { { INFINITY }, F_lgamma, INFINITY },
		{ { 0 }, F_lgamma, INFINITY }, { { NAN }, F_lgamma, NAN },
		{ { NAN, 0 }, F_pow, 1 }, { { 1, NAN }, F_pow, 1 }, { { 1, INFINITY }, F_pow, 1 },
		{ { -1, INFINITY }, F_pow, 1 }, { { -1, -INFINITY }, F_pow, 1 },
		{ { 0, -3 }, F_pow, INFINITY }, { { -0., -3 }, F_pow, -INFINITY },
		{ { -0., -2 }, F_pow, INFINITY }, { { -0., 3 }, F_pow, -0. }, { { -0., 2.5 }, F_pow, 0 },
		{ { -2, .5 }, F_pow, NAN }, { { -2, 3 }, F_pow, -8 }, { { -2, 4 }, F_pow, 16 },
		{ { .5, -INFINITY }, F_pow, INFINITY }, { { .5, INFINITY }, F_pow, 0 },
		{ { 2, -INFINITY }, F_pow, 0 }, { { -2, INFINITY }, F_pow, INFINITY },
		{ { -INFINITY, 3 }, F_pow, -INFINITY }, { { -INFINITY, -3 }, F_pow, -0. },
		{ { -INFINITY, 2 }, F_pow, INFINITY }, { { INFINITY, -.5 }, F_pow, 0 },
		{ { 10, 400 }, F_pow, INFINITY }, { { -10, 401 }, F_pow, -INFINITY },
		{ { 10, -400 }, F_pow, 0 }, { { NAN, 1 }, F_pow, NAN }, { { 2, NAN }, F_pow, NAN },
		{ { .25 }, F_cos2pi, 0 }, { { .5 }, F_cos2pi, -1 }, { { 3 }, F_cos2pi, 1 },
		{ { .25 }, F_sin2pi, 1 }, { { -.25 }, F_sin2pi, -1 }, { { .5 }, F_sin2pi, 0 }
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof s / sizeof *s; i++) {
		struct point p = { .f = s[i].f, .x = s[i].arg[0], .y = s[i].arg[1] };
		double got = call(&p);

		/* The sign of a zero of a trigonometric function is not promised. */
		if (s[i].want == 0 && p.f >= F_cos2pi)
			got = fabs(got);
		if (!same(got, s[i].want)) {
			wrong++;
			printf("# %s(%g, %g): expect %g, actual %g\n", names[p.f], p.x, p.y, s[i].want, got);
		}
	}
	is_int(wrong, 0, "special values that differ from Annex F");
}

int main(void)
{
	accuracy();
	special();
	return tap_done();
}
