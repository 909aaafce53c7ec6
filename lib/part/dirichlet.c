/* Dirichlet label skew, class by class over clients: p ~ Dir(alpha, K times), and
 * the examples of the class are cut at floor(cumulative p * number of examples).
 * Drawn again until every client has min_size examples. */
#include "part/part.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

enum { BALANCE_NONE, BALANCE_LT };
static const char *const balance_name[] = { "none", "lt", NULL };

struct params {
	double alpha;
	int64_t min_size, max_tries;
	int balance;
};

struct draw {
	const struct params *p;
	const struct fl_part *s;
	const size_t *start;	/* (C+1) */
	double *alpha, *share;	/* (K) */
	size_t *cut;		/* (C,K) ends of the clients' parts within a class */
	size_t *size;		/* (K) */
};

/* Clients that have their even share get no more of this class (NIID-Bench). */
static void rebalance(struct draw *d)
{
	const struct fl_part *s = d->s;
	double sum = 0, even = (double)s->N / (double)s->K;

	if (d->p->balance != BALANCE_LT)
		return;
	for (size_t k = 0; k < s->K; k++) {
		if ((double)d->size[k] >= even)
			d->share[k] = 0;
		sum += d->share[k];
	}
	/* Where all weight is gone, those below their share take it evenly. */
	for (size_t k = 0; k < s->K; k++)
		d->share[k] = sum > 0 ? d->share[k] / sum : (double)d->size[k] < even;
	if (sum > 0)
		return;
	for (size_t k = 0; k < s->K; k++)
		sum += d->share[k];
	for (size_t k = 0; k < s->K; k++)
		d->share[k] /= sum;
}

/* The cuts of one class; every (class, try) has its own random numbers. */
static void draw_class(struct draw *d, size_t c, size_t try)
{
	const struct fl_part *s = d->s;
	size_t n = d->start[c + 1] - d->start[c], *cut = d->cut + c * s->K, before = 0, last = 0;
	double sum = 0;
	struct fl_rng r;

	fl_rng_init(&r, s->seed, 0, c, FL_RNG_PARTITION, 1 + try);
	fl_rng_dirichlet(&r, d->alpha, d->share, s->K);
	rebalance(d);
	for (size_t k = 0; k < s->K; k++)
		if (d->share[k] > 0)
			last = k;
	for (size_t k = 0; k < s->K; k++) {
		sum += d->share[k];
		cut[k] = k < last ? (size_t)floor(sum * (double)n) : n;
		if (cut[k] > n)	/* sum rounds up */
			cut[k] = n;
		d->size[k] += cut[k] - before;
		before = cut[k];
	}
}

/* Redraws until the smallest client has min_size; *least = that client. */
static int draw(struct draw *d, size_t *tries, size_t *least)
{
	const struct fl_part *s = d->s;

	for (*tries = 0; *tries < (size_t)d->p->max_tries; ) {
		memset(d->size, 0, s->K * sizeof *d->size);
		for (size_t c = 0; c < s->C; c++)
			draw_class(d, c, *tries);
		++*tries;
		*least = 0;
		for (size_t k = 1; k < s->K; k++)
			if (d->size[k] < d->size[*least])
				*least = k;
		if (d->size[*least] >= (size_t)d->p->min_size)
			return 0;
	}
	return -1;
}

/* Which examples of a class: shuffled first, so that parts are random. */
static void assign(struct draw *d, uint32_t *rows, uint32_t *owner)
{
	const struct fl_part *s = d->s;

	for (size_t c = 0; c < s->C; c++) {
		uint32_t *row = rows + d->start[c];
		const size_t *cut = d->cut + c * s->K;
		struct fl_rng r;

		fl_rng_init(&r, s->seed, 0, c, FL_RNG_PARTITION, 0);
		fl_rng_shuffle(&r, row, d->start[c + 1] - d->start[c]);
		for (size_t k = 0, i = 0; k < s->K; k++)
			for (; i < cut[k]; i++)
				owner[row[i]] = (uint32_t)k;
	}
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_arena *a = s->arena;
	size_t *start = fl_arena_get(a, s->C + 1, sizeof *start, e), least = 0, cells;
	struct draw d = { .p = p, .s = s, .start = start };
	uint32_t *rows;

	if ((uint64_t)p->min_size > s->N / s->K)
		return fl_fail(e, FL_EDATA, "dirichlet: %zu examples do not give each of %zu clients "
		               "min_size=%lld: the smallest would have at most %zu", s->N, s->K,
		               (long long)p->min_size, s->N / s->K);
	if (!start || !(rows = fl_part_by_label(s, start, e)))
		return -1;
	if (fl_mul(s->C, s->K, &cells))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(d.alpha = fl_arena_get(a, s->K, sizeof *d.alpha, e)) ||
	    !(d.share = fl_arena_get(a, s->K, sizeof *d.share, e)) ||
	    !(d.size = fl_arena_get(a, s->K, sizeof *d.size, e)) ||
	    !(d.cut = fl_arena_get(a, cells, sizeof *d.cut, e)))
		return -1;
	for (size_t k = 0; k < s->K; k++)
		d.alpha[k] = p->alpha;
	if (draw(&d, &s->tries, &least))
		return fl_fail(e, FL_EDATA, "dirichlet: after %zu draws client %zu still has %zu "
		               "examples, min_size is %lld", s->tries, least, d.size[least],
		               (long long)p->min_size);
	assign(&d, rows, s->owner);
	return 0;
}

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "0.5", 1e-6, 1e6, NULL, "x",
	  "concentration: small is skewed, large is even" },
	{ "min_size", FL_P_INT, offsetof(struct params, min_size), "10", 1, 4e9, NULL, "n",
	  "draw again while a client has fewer examples" },
	{ "max_tries", FL_P_INT, offsetof(struct params, max_tries), "1000", 1, 1e6, NULL, "n",
	  "give up after so many draws" },
	{ "balance", FL_P_ENUM, offsetof(struct params, balance), "none", 0, 0, balance_name, "how",
	  "lt: clients with N/K examples or more get nothing of later classes" },
	{ .name = NULL }
};

const struct fl_by fl_by_dirichlet = {
	.e = {
		.name = "dirichlet",
		.title = "Dirichlet label skew",
		.cite = "Yurochkin et al., ICML 2019; Hsu et al., arXiv 1909.06335",
		.doc = "class by class, shares over the clients drawn from Dir(alpha)",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "p ~ Dir(alpha 1_K); client k gets examples floor(n_c P_(k-1)) .. "
		           "floor(n_c P_k) - 1 of the n_c shuffled ones, P_k = p_1 + ... + p_k",
	},
	.split = split,
};
