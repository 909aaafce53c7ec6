/* FedProx's power law: client k has classes k .. k+m-1 mod C, in amounts that
 * follow a lognormal. */
#include <math.h>

#include "base/fmath.h"
#include "base/num.h"
#include "part/part.h"

struct params {
	int64_t m, base;
	double sigma;
};

/* Client of column j of the J = K m / C of class c. */
static size_t column(size_t c, size_t j, size_t C, size_t m)
{
	/* Classes k .. k+m-1: client k is c-i for i < m, and those C apart. */
	return (c + C - j % m) % C + j / m * C;
}

/* Amounts of class c: base each, the others by weight, what rounding leaves to one
 * column at random. */
static void amounts(const struct params *p, const struct fl_part *s, size_t c, size_t n,
                    double *w, size_t *amount, size_t J)
{
	size_t free = n - (size_t)p->base * J, left = free;
	double sum = 0;
	struct fl_rng r;

	fl_part_rng(&r, s, c, 1);
	for (size_t j = 0; j < J; j++)
		sum += w[j] = fl_exp(p->sigma * fl_rng_normal(&r));
	for (size_t j = 0; j < J; j++) {
		size_t a = (size_t)floor(w[j] / sum * (double)free);

		a = a < left ? a : left;
		left -= a;
		amount[j] = a + (size_t)p->base;
	}
	amount[fl_rng_below(&r, J)] += left;
}

static int check(const struct params *p, const struct fl_part *s, size_t *J, struct fl_err *e)
{
	if (s->K % s->C)
		return fl_fail(e, FL_EDATA, "distribution: %zu clients are no multiple of %zu classes",
		               s->K, s->C);
	if ((uint64_t)p->m > s->C)
		return fl_fail(e, FL_EDATA, "distribution: m=%lld classes a client, the data have %zu",
		               (long long)p->m, s->C);
	*J = s->K / s->C * (size_t)p->m;
	return 0;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	size_t *start = fl_arena_get(s->arena, s->C + 1, sizeof *start, e), *amount, J = 0, least;
	uint32_t *rows;
	double *w;

	if (check(p, s, &J, e) || !start || !(rows = fl_part_by_label_shuffled(s, start, e)) ||
	    !(amount = fl_arena_get(s->arena, J, sizeof *amount, e)) ||
	    !(w = fl_arena_get(s->arena, J, sizeof *w, e)) || fl_mul(J, (size_t)p->base, &least))
		return -1;
	for (size_t c = 0; c < s->C; c++) {
		size_t i = start[c], n = start[c + 1] - i;

		if (n < least)
			return fl_fail(e, FL_EDATA, "distribution: class %zu has %zu examples, %zu clients "
			               "want base=%lld each: client %zu would have fewer", c, n, J,
			               (long long)p->base, column(c, J - 1, s->C, (size_t)p->m));
		amounts(p, s, c, n, w, amount, J);
		for (size_t j = 0; j < J; j++)
			for (size_t a = amount[j]; a; a--)
				s->owner[rows[i++]] = (uint32_t)column(c, j, s->C, (size_t)p->m);
	}
	s->tries = 1;
	return fl_part_check(s, "distribution", e);
}

static const struct fl_param params[] = {
	{ "m", FL_P_INT, offsetof(struct params, m), "2", 1, 1e6, NULL, "n", "classes a client" },
	{ "base", FL_P_INT, offsetof(struct params, base), "5", 0, 1e9, NULL, "n",
	  "examples of each of its classes that every client surely gets" },
	{ "sigma", FL_P_REAL, offsetof(struct params, sigma), "2", 0, 20, NULL, "x",
	  "standard deviation of the logarithm of the amounts" },
	{ .name = NULL }
};

const struct fl_by fl_by_distribution = {
	.e = {
		.name = "distribution",
		.title = "FedProx's power law",
		.cite = "Li et al., FedProx, MLSys 2020, arXiv 1812.06127; Flower datasets",
		.doc = "classes k .. k+m-1 mod C, in lognormal amounts",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "J = K m / C clients hold class c; client j of them gets base + floor((n_c - "
		           "base J) w_j / sum w), w = e^(sigma z), the rest goes to one of them",
	},
	.split = split,
};
