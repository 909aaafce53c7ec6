/* Unequal sizes, the same mixture of classes for all. */
#include "base/fmath.h"
#include "part/units.h"

enum { SIZES_GEOMETRIC, SIZES_DIRICHLET, SIZES_RATIO };
static const char *const sizes_name[] = { "geometric", "dirichlet", "ratio", NULL };

struct params {
	int sizes;
	double base, beta;
	struct fl_dims ratio;
	struct fl_unit_params unit;
};

static int weights(const struct params *p, const struct fl_part *s, double *w, double *beta,
                   struct fl_err *e)
{
	double sum = 0;
	struct fl_rng r;

	if (p->sizes == SIZES_RATIO && p->ratio.n != s->K)
		return fl_fail(e, FL_EDATA, "unbalanced: ratio has %zu sizes for %zu clients", p->ratio.n,
		               s->K);
	for (size_t k = 0; k < s->K; k++) {
		beta[k] = p->beta;
		w[k] = p->sizes == SIZES_RATIO ? (double)p->ratio.d[k] : fl_pow(p->base, (double)k);
		sum += w[k];
	}
	for (size_t k = 0; k < s->K; k++)
		w[k] /= sum;
	fl_part_rng(&r, s, UINT64_MAX, 0);
	if (p->sizes == SIZES_DIRICHLET)
		fl_rng_dirichlet(&r, beta, w, s->K);
	return 0;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	double *w = fl_arena_get(s->arena, s->K, sizeof *w, e);
	double *beta = fl_arena_get(s->arena, s->K, sizeof *beta, e);
	struct fl_units u;

	if (!w || !beta || weights(p, s, w, beta, e) ||
	    fl_units_make(s, &p->unit, "unbalanced", &u, e))
		return -1;
	for (size_t c = 0; c < s->C; c++)
		fl_units_deal(s, &u, c, w);
	return fl_units_done(s, &u, "unbalanced", e);
}

static const struct fl_param params[] = {
	{ "sizes", FL_P_ENUM, offsetof(struct params, sizes), "geometric", 0, 0, sizes_name, "how",
	  "base^k, Dir(beta), or the given ratio" },
	{ "base", FL_P_REAL, offsetof(struct params, base), "0.5", 1e-3, 1, NULL, "x",
	  "geometric: size of a client over that of the one before" },
	{ "beta", FL_P_REAL, offsetof(struct params, beta), "1", 1e-6, 1e6, NULL, "x",
	  "dirichlet: concentration of the sizes" },
	{ "ratio", FL_P_DIMS, offsetof(struct params, ratio), NULL, 1, 4e9, NULL, "n+n",
	  "ratio: sizes of the clients, up to scale" },
	FL_PARAMS_UNIT(struct params, unit),
	{ .name = NULL }
};

const struct fl_by fl_by_unbalanced = {
	.e = {
		.name = "unbalanced",
		.title = "Unbalanced",
		.cite = "Ju, Hellander and Spjuth, bioRxiv 10.1101/2024.02.09.579629",
		.doc = "unequal sizes, the same mixture of classes for all",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "of the n units of a class client k gets floor(n W_k + v) - floor(n W_(k-1) + "
		           "v), W cumulative weights, v uniform in [0,1)",
	},
	.split = split,
};
