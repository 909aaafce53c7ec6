/* Pairs whose certainty is known: a text m is a unit vector, its image a draw from the
 * von Mises-Fisher distribution about it, the more concentrated the further m lies
 * along a hidden axis a. Class y of a pair, 0 ... levels-1, is its level:
 *   m = c a + sqrt(1 - c^2) u,  c = -spread + 2 spread y/(levels-1),  u uniform, u.a = 0
 *   kappa = low (high/low)^(y/(levels-1)),  z ~ vMF(m, kappa)
 * An adapter that learns what a text says of its image must find larger concentrations
 * for larger y. */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/num.h"
#include "base/rng.h"
#include "data/source.h"
#include "sphere/vmf.h"
#include "tensor/meta.h"

struct planted {
	int64_t pairs, dim, levels, axis, seed;
	double low, high, spread;
};

/* What streams of random numbers are for. */
enum { AXIS = 1, TEXTS, IMAGES };

struct room {
	double *axis, *m, *z;	/* (d) */
	float *text, *image;	/* (N,d) */
	int64_t *y, *pairs;	/* (N), (N,2) */
};

static void rng(struct fl_rng *r, int64_t seed, uint64_t what)
{
	fl_rng_init(r, (uint64_t)seed, 0, 0, FL_RNG_DATA, what);
}

static double inner(const double *x, const double *y, size_t d)
{
	double sum = 0;

	for (size_t k = 0; k < d; k++)
		sum += x[k] * y[k];
	return sum;
}

static void to_unit(double *x, size_t d)
{
	double n = sqrt(inner(x, x, d));

	for (size_t k = 0; k < d; k++)
		x[k] /= n;
}

static void draw(struct fl_rng *r, double *x, size_t d)
{
	for (size_t k = 0; k < d; k++)
		x[k] = fl_rng_normal(r);
	to_unit(x, d);
}

static void draw_pairs(const struct planted *p, const struct room *s)
{
	size_t d = (size_t)p->dim;
	struct fl_rng text, image, axis;

	rng(&axis, p->axis, AXIS);
	rng(&text, p->seed, TEXTS);
	rng(&image, p->seed, IMAGES);
	draw(&axis, s->axis, d);
	for (size_t i = 0; i < (size_t)p->pairs; i++) {
		double at, c;

		s->y[i] = (int64_t)fl_rng_below(&text, (uint64_t)p->levels);
		at = p->levels > 1 ? (double)s->y[i] / (double)(p->levels - 1) : 0;
		c = p->spread * (2 * at - 1);
		fl_sphere_tangent(&text, s->axis, c, sqrt(1 - c * c), s->m, d);
		fl_vmf_sample(&image, s->m, p->low * fl_exp(at * fl_log(p->high / p->low)), s->z, d);
		for (size_t k = 0; k < d; k++) {
			s->text[i * d + k] = (float)s->m[k];
			s->image[i * d + k] = (float)s->z[k];
		}
		s->pairs[2 * i] = s->pairs[2 * i + 1] = (int64_t)i;
	}
}

static void *tensor(struct fl_tset *rec, const char *name, enum fl_dtype type, size_t N, size_t d,
                    struct fl_err *e)
{
	const size_t dim[] = { N, d };
	struct fl_tensor *t = fl_tset_add(rec, name, type, d ? 2 : 1, dim, NULL, e);

	return t ? t->data : NULL;
}

static int read_planted(const void *block, struct fl_tset *rec, struct fl_err *e)
{
	const struct planted *p = block;
	size_t N = (size_t)p->pairs, d = (size_t)p->dim;
	struct room s;

	if (N > FL_DATA_VALUES_MAX / d)
		return fl_fail(e, FL_EDATA, "%zu pairs of %zu numbers a side are too many", N, d);
	if (!(s.axis = fl_arena_get(&rec->arena, d, sizeof *s.axis, e)) ||
	    !(s.m = fl_arena_get(&rec->arena, d, sizeof *s.m, e)) ||
	    !(s.z = fl_arena_get(&rec->arena, d, sizeof *s.z, e)) ||
	    !(s.text = tensor(rec, "text", FL_F32, N, d, e)) ||
	    !(s.image = tensor(rec, "image", FL_F32, N, d, e)) ||
	    !(s.y = tensor(rec, "y", FL_I64, N, 0, e)) ||
	    !(s.pairs = tensor(rec, "pairs", FL_I64, N, 2, e)))
		return -1;
	draw_pairs(p, &s);
	return fl_meta_set_kind(rec, FL_KIND_DATA, e) ||
	       fl_meta_set_i64(rec, "fl.classes", p->levels, e) ? -1 : 0;
}

static const struct fl_param params[] = {
	{ "pairs", FL_P_INT, offsetof(struct planted, pairs), "2000", 1, 1e8, NULL, "n", "pairs" },
	{ "dim", FL_P_INT, offsetof(struct planted, dim), "16", 2, 1 << 16, NULL, "n",
	  "numbers of an embedding" },
	{ "levels", FL_P_INT, offsetof(struct planted, levels), "10", 1, 1e6, NULL, "n",
	  "levels of concentration" },
	{ "low", FL_P_REAL, offsetof(struct planted, low), "5", 1e-6, 1e6, NULL, "kappa",
	  "concentration of the lowest" },
	{ "high", FL_P_REAL, offsetof(struct planted, high), "200", 1e-6, 1e6, NULL, "kappa",
	  "concentration of the highest" },
	{ "spread", FL_P_REAL, offsetof(struct planted, spread), "0.7", 0, 1, NULL, "c",
	  "cosine to the hidden axis at the ends" },
	{ "axis", FL_P_INT, offsetof(struct planted, axis), "0", 0, 9e15, NULL, "n",
	  "random seed of the axis: the same for sets of one kind" },
	{ "seed", FL_P_INT, offsetof(struct planted, seed), "0", 0, 9e15, NULL, "n", "random seed" },
	{ .name = NULL }
};

const struct fl_source fl_data_planted = {
	.e = {
		.name = "planted",
		.title = "Pairs of planted concentration",
		.cite = "von Mises-Fisher draws about the texts",
		.doc = "texts and images on the sphere whose certainty is known, as levels y",
		.params = params,
		.psize = sizeof(struct planted),
		.formula = "kappa = low (high/low)^(y/(levels-1)), m.a rising with y, z ~ vMF(m, kappa)",
	},
	.read = read_planted,
};
