/* FedProx's Synthetic(alpha, beta): every client has a linear model of its own and
 * inputs around a mean of its own. */
#include <math.h>

#include "base/fmath.h"
#include "base/num.h"
#include "base/rng.h"
#include "data/source.h"
#include "tensor/meta.h"

struct params {
	double alpha, beta, mu, sigma;
	int64_t clients, seed, dim, classes, least;
	int iid;
};

/* Room for one client's model. */
struct client {
	double *mean;		/* (d) of the inputs */
	double *W, *b;		/* (C,d), (C) */
	double *scale;		/* (d) standard deviations of the inputs */
};

enum { SIZES = 0, MODEL = 1, INPUTS = 2, SHARED = 3 };	/* of random numbers */

static void rng(struct fl_rng *r, const struct params *p, size_t k, uint64_t what)
{
	fl_rng_init(r, (uint64_t)p->seed, 0, k, FL_RNG_DATA, what);
}

static size_t size_of(const struct params *p, size_t k)
{
	struct fl_rng r;

	rng(&r, p, k, SIZES);
	return (size_t)fl_exp(p->mu + p->sigma * fl_rng_normal(&r)) + (size_t)p->least;
}

static void draw_model(const struct params *p, size_t k, struct client *c)
{
	size_t d = (size_t)p->dim, C = (size_t)p->classes;
	double u, B;
	struct fl_rng r;

	rng(&r, p, k, MODEL);
	u = p->alpha * fl_rng_normal(&r);
	B = p->beta * fl_rng_normal(&r);
	for (size_t j = 0; j < d; j++)
		c->mean[j] = p->iid ? B : B + fl_rng_normal(&r);
	if (p->iid) {
		u = 0;
		rng(&r, p, 0, SHARED);
	}
	for (size_t i = 0; i < C * d; i++)
		c->W[i] = u + fl_rng_normal(&r);
	for (size_t i = 0; i < C; i++)
		c->b[i] = u + fl_rng_normal(&r);
}

/* argmax of W x + b, with the inputs as they are stored. */
static int64_t label(const struct params *p, const struct client *c, const float *x)
{
	size_t d = (size_t)p->dim;
	double best = -INFINITY;
	int64_t y = 0;

	for (int64_t i = 0; i < p->classes; i++) {
		double z = c->b[i];

		for (size_t j = 0; j < d; j++)
			z += c->W[(size_t)i * d + j] * (double)x[j];
		if (z > best) {
			best = z;
			y = i;
		}
	}
	return y;
}

static void draw_examples(const struct params *p, size_t k, const struct client *c, size_t n,
                          float *x, int64_t *y)
{
	size_t d = (size_t)p->dim;
	struct fl_rng r;

	rng(&r, p, k, INPUTS);
	for (size_t i = 0; i < n; i++, x += d) {
		for (size_t j = 0; j < d; j++)
			x[j] = (float)(c->mean[j] + c->scale[j] * fl_rng_normal(&r));
		y[i] = label(p, c, x);
	}
}

static int get_client(const struct params *p, struct fl_arena *a, struct client *c,
                      struct fl_err *e)
{
	size_t d = (size_t)p->dim, C = (size_t)p->classes;

	if (!(c->mean = fl_arena_get(a, d, sizeof *c->mean, e)) ||
	    !(c->scale = fl_arena_get(a, d, sizeof *c->scale, e)) ||
	    !(c->W = fl_arena_get(a, C * d, sizeof *c->W, e)) ||
	    !(c->b = fl_arena_get(a, C, sizeof *c->b, e)))
		return -1;
	/* Variance j^-1.2. */
	for (size_t j = 0; j < d; j++)
		c->scale[j] = fl_pow((double)j + 1, -.6);
	return 0;
}

static int read_synthetic(const void *vp, struct fl_tset *rec, struct fl_err *e)
{
	const struct params *p = vp;
	size_t N = 0, dim[2] = { 0, (size_t)p->dim }, at = 0;
	struct fl_tensor *t;
	float *x;
	int64_t *y, *group;
	struct client c;

	for (size_t k = 0; k < (size_t)p->clients; k++)
		if (fl_add(N, size_of(p, k), &N) || N > FL_DATA_VALUES_MAX / dim[1])
			return fl_fail(e, FL_EDATA, "too many examples by client %zu", k);
	dim[0] = N;
	if (get_client(p, &rec->arena, &c, e) || !(t = fl_tset_add(rec, "x", FL_F32, 2, dim, NULL, e)))
		return -1;
	x = t->data;
	if (!(t = fl_tset_add(rec, "y", FL_I64, 1, &N, NULL, e)))
		return -1;
	y = t->data;
	if (!(t = fl_tset_add(rec, "group", FL_I64, 1, &N, NULL, e)))
		return -1;
	group = t->data;
	for (size_t k = 0; k < (size_t)p->clients; k++) {
		size_t n = size_of(p, k);

		draw_model(p, k, &c);
		draw_examples(p, k, &c, n, x + at * dim[1], y + at);
		for (size_t i = 0; i < n; i++)
			group[at++] = (int64_t)k;
	}
	return fl_meta_set_kind(rec, FL_KIND_DATA, e) ||
	       fl_meta_set_i64(rec, "fl.classes", p->classes, e) ? -1 : 0;
}

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "1", 0, 1e3, NULL, "x",
	  "how much models differ: standard deviation of their means" },
	{ "beta", FL_P_REAL, offsetof(struct params, beta), "1", 0, 1e3, NULL, "x",
	  "how much inputs differ: standard deviation of their means" },
	{ "iid", FL_P_BOOL, offsetof(struct params, iid), "off", 0, 0, NULL, NULL,
	  "one model for all, one mean for all coordinates" },
	{ "clients", FL_P_INT, offsetof(struct params, clients), "30", 1, 1e7, NULL, "n", "clients" },
	{ "dim", FL_P_INT, offsetof(struct params, dim), "60", 1, 1e4, NULL, "n", "inputs" },
	{ "classes", FL_P_INT, offsetof(struct params, classes), "10", 2, 1e3, NULL, "n", "classes" },
	{ "mu", FL_P_REAL, offsetof(struct params, mu), "4", -20, 15, NULL, "x",
	  "sizes: mean of the logarithm" },
	{ "sigma", FL_P_REAL, offsetof(struct params, sigma), "2", 0, 3, NULL, "x",
	  "sizes: standard deviation of the logarithm" },
	{ "least", FL_P_INT, offsetof(struct params, least), "50", 1, 1e9, NULL, "n",
	  "sizes: added to each" },
	{ "seed", FL_P_INT, offsetof(struct params, seed), "0", 0, 9e15, NULL, "n", "random seed" },
	{ .name = NULL }
};

const struct fl_source fl_data_synthetic = {
	.e = {
		.name = "synthetic",
		.title = "Synthetic(alpha, beta)",
		.cite = "Li et al., FedProx, MLSys 2020, arXiv 1812.06127",
		.doc = "a linear model and a mean of inputs a client; split it by natural",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "u_k ~ N(0, alpha^2), B_k ~ N(0, beta^2), v_kj ~ N(B_k, 1), W_k, b_k ~ N(u_k, "
		           "1), x ~ N(v_k, diag(j^-1.2)), y = argmax(W_k x + b_k), n_k = "
		           "floor(e^(mu + sigma z)) + least",
	},
	.read = read_synthetic,
};
