/* Sizes of clients drawn by a law, rounded so that they add up to all examples. */
#include "part/law.h"

#include <math.h>

#include "base/fmath.h"

enum { EQUAL, LINEAR, SQUARE, EXP, LOGNORMAL, DIRICHLET, POWER, ZIPF };
const char *const fl_law_name[] = {
	"equal", "linear", "square", "exp", "lognormal", "dirichlet", "power", "zipf", NULL
};

static int is_random(int law)
{
	return law == LOGNORMAL || law == DIRICHLET || law == POWER;
}

/* Weight of client k of 1..K. */
static double weight(const struct fl_law *p, struct fl_rng *r, double k, double K)
{
	switch (p->law) {
	case LINEAR: return k;
	case SQUARE: return k * k;
	case EXP: return fl_exp(k - K);		/* all divided by e^K, which overflows */
	case LOGNORMAL: return fl_exp(p->sigma * fl_rng_normal(r));
	case POWER: return fl_pow(fl_rng_open(r), 1 / p->power);
	case ZIPF: return fl_pow(k, -p->power);
	default: return 1;
	}
}

static void draw(const struct fl_law *p, const struct fl_part *s, size_t try, double *a,
                 double *u)
{
	struct fl_rng r;

	/* Numbers of no label and of no client. */
	fl_part_rng(&r, s, UINT64_MAX, try);
	if (p->law == DIRICHLET) {
		for (size_t k = 0; k < s->K; k++)
			a[k] = p->beta;
		fl_rng_dirichlet(&r, a, u, s->K);
		return;
	}
	for (size_t k = 0; k < s->K; k++)
		u[k] = weight(p, &r, (double)k + 1, (double)s->K);
}

static void sizes(const double *u, size_t N, size_t K, size_t *size)
{
	double sum = 0;
	size_t left = N, most = 0;

	for (size_t k = 0; k < K; k++)
		sum += u[k];
	for (size_t k = 0; k < K; k++) {
		size[k] = (size_t)floor((double)N * u[k] / sum);
		if (size[k] > left)	/* rounding */
			size[k] = left;
		left -= size[k];
		if (u[k] > u[most])
			most = k;
	}
	size[most] += left;
}

/* The equal law deals the rest out one by one. */
static void equal(size_t N, size_t K, size_t *size)
{
	for (size_t k = 0; k < K; k++)
		size[k] = fl_part_even(N, k, K);
}

int fl_part_law(const struct fl_law *p, const char *scheme, struct fl_part *s, size_t *size,
                struct fl_err *e)
{
	double *a = fl_arena_get(s->arena, s->K, sizeof *a, e);
	double *u = fl_arena_get(s->arena, s->K, sizeof *u, e);
	size_t tries = is_random(p->law) ? (size_t)p->max_tries : 1, least = 0;

	if (!a || !u)
		return -1;
	for (s->tries = 0; s->tries < tries; ) {
		draw(p, s, s->tries, a, u);
		if (p->law == EQUAL)
			equal(s->N, s->K, size);
		else
			sizes(u, s->N, s->K, size);
		s->tries++;
		least = fl_part_least(size, s->K);
		if (size[least] >= (size_t)p->min_size)
			return 0;
	}
	return fl_fail(e, FL_EDATA, "%s: law=%s gives client %zu %zu of %zu examples after %zu "
	               "draws, min_size is %lld", scheme, fl_law_name[p->law], least, size[least],
	               s->N, s->tries, (long long)p->min_size);
}
