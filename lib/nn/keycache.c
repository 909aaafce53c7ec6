/* Tip-Adapter's cache: labelled examples of unit length as keys; an example votes for
 * their classes by its nearness to each,
 *   y_c = alpha sum_{n: label_n = c} exp(-beta (1 - <x, key_n>)).
 * Keys may be trained (Tip-Adapter-F); labels, alpha and beta are given. */
#include <string.h>

#include "nn/act.h"

struct keycache {
	int64_t keys, out;
	int tune;
};

static const struct fl_param params[] = {
	{ "keys", FL_P_INT, offsetof(struct keycache, keys), NULL, 1, 1 << 24, NULL, "n",
	  "labelled examples; must be given" },
	{ "out", FL_P_INT, offsetof(struct keycache, out), NULL, 1, 1 << 24, NULL, "n",
	  "classes; must be given" },
	{ "tune", FL_P_BOOL, offsetof(struct keycache, tune), "off", 0, 0, NULL, NULL,
	  "train the keys" },
	{ 0 }
};

enum { KEYS, LABEL, ALPHA, BETA };

struct dims {
	size_t D, N, C;
};

static struct dims dims(const struct fl_layer *l)
{
	const struct keycache *p = l->p;

	return (struct dims){ l->in.d[0], (size_t)p->keys, (size_t)p->out };
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct keycache *p = l->p;
	struct dims d;
	char buf[128];

	if (p->keys == FL_UNSET || p->out == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "key '%s' is missing", p->keys == FL_UNSET ? "keys" : "out");
	if (l->in.ndim != 1)
		return fl_fail(e, FL_EUSAGE, "input is %s, not a vector", fl_shape_str(&l->in, buf, sizeof buf));
	d = dims(l);
	l->out = (struct fl_shape){ 1, { d.C } };
	l->cache = d.N;
	l->nparam = 4;
	l->param[KEYS] = (struct fl_layer_param){
		"keys", 2, { d.N, d.D }, FL_PERM_TRANSPOSE, p->tune ? FL_TRAINED : FL_FROZEN
	};
	l->param[LABEL] = (struct fl_layer_param){ "label", 1, { d.N }, FL_PERM_NONE, FL_FROZEN };
	l->param[ALPHA] = (struct fl_layer_param){ .suffix = "alpha", .kind = FL_FROZEN };
	l->param[BETA] = (struct fl_layer_param){ .suffix = "beta", .kind = FL_FROZEN };
	return 0;
}

/* All classes have keys; the published alpha and beta. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	struct dims d = dims(l);

	for (size_t i = 0; param == KEYS && i < d.N * d.D; i++)
		w[i] = (fl_real)(fl_rng_normal(r));
	for (size_t i = 0; param == LABEL && i < d.N; i++)
		w[i] = (fl_real)(i % d.C);
	if (param == ALPHA)
		w[0] = 1;
	if (param == BETA)
		w[0] = 5.5;
}

/* A record may hold any number as a label; what is no class has no vote. */
static size_t class_of(const struct fl_layer *l, const fl_real *w, size_t n)
{
	fl_real v = w[l->off[LABEL] + n];

	return v >= 0 && v < (fl_real)dims(l).C ? (size_t)v : SIZE_MAX;
}

/* Nearness (B,N) = x keys. */
static fl_product product_near(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l);

	return (fl_product){
		.M = a->B, .N = d.N, .K = d.D, .a = a->x, .lda = d.D,
		.b = a->w + l->off[KEYS], .ldb = d.N, .c = a->cache, .ldc = d.N,
	};
}

/* dx (B,D) = dnear keys^T, dkeys (D,N) = x^T dnear; dnear is in the cache. */
static fl_product product_dx(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l);

	return (fl_product){
		.M = a->B, .N = d.D, .K = d.N, .a = a->cache, .lda = d.N,
		.b = a->w + l->off[KEYS], .ldb = d.N, .tb = 1, .c = a->dx, .ldc = d.D,
	};
}

static fl_product product_dkeys(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l);

	return (fl_product){
		.M = d.D, .N = d.N, .K = a->B, .a = a->x, .lda = d.D, .ta = 1,
		.b = a->cache, .ldb = d.N, .c = a->dw + l->off[KEYS], .ldc = d.N,
		.start = a->flags & FL_BACK_FIRST ? FL_GEMM_ZERO : FL_GEMM_ADD,
	};
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	static fl_product (*const product[])(const struct fl_layer *, const struct fl_pass *) = {
		product_near, product_dx, product_dkeys,
	};
	fl_real none[1] = { 0 };
	struct fl_layer at0 = *l;
	struct fl_pass some = { .B = a->B, .x = none, .w = none, .dx = none, .dw = none, .cache = none };
	size_t most = 0;

	memset(at0.off, 0, sizeof at0.off);
	for (size_t i = 0; i < sizeof product / sizeof *product; i++) {
		fl_product p = product[i](&at0, &some);
		size_t n = fl_matmul_scratch(&p);

		most = n > most ? n : most;
	}
	return most;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_product near = product_near(l, a);
	fl_real alpha = a->w[l->off[ALPHA]], beta = a->w[l->off[BETA]];
	struct dims d = dims(l);

	fl_matmul(&near, a->scratch);
	memset(a->y, 0, a->B * d.C * sizeof *a->y);
	for (size_t b = 0; b < a->B; b++) {
		fl_real *v = a->cache + b * d.N;

		for (size_t n = 0; n < d.N; n++)
			v[n] = beta * (v[n] - 1);
		fl_act_exp(v, v, d.N);
		for (size_t n = 0; n < d.N; n++) {
			size_t c = class_of(l, a->w, n);

			if (c < d.C)
				a->y[b * d.C + c] += alpha * v[n];
		}
	}
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_real by = a->w[l->off[ALPHA]] * a->w[l->off[BETA]];
	struct dims d = dims(l);
	fl_product p;

	for (size_t b = 0; b < a->B; b++)
		for (size_t n = 0; n < d.N; n++) {
			size_t c = class_of(l, a->w, n);

			a->cache[b * d.N + n] *= c < d.C ? by * a->dy[b * d.C + c] : 0;
		}
	if (a->dx) {
		p = product_dx(l, a);
		fl_matmul(&p, a->scratch);
	}
	for (unsigned i = l->param[KEYS].kind != FL_TRAINED ? KEYS : LABEL; i <= BETA; i++)
		memset(a->dw + l->off[i], 0,
		       (i == KEYS ? d.N * d.D : i == LABEL ? d.N : 1) * sizeof *a->dw);
	if (l->param[KEYS].kind != FL_TRAINED)
		return;
	p = product_dkeys(l, a);
	fl_matmul(&p, a->scratch);
	fl_pass_done(a, l->off[KEYS], d.N * d.D);
}

static double madds(const struct fl_layer *l)
{
	struct dims d = dims(l);

	return (double)d.N * (double)d.D;
}

const struct fl_layer_entry fl_layer_keycache = {
	.e = {
		.name = "keycache",
		.title = "Key-value cache",
		.cite = "Zhang et al., ECCV 2022, arXiv 2207.09519",
		.doc = "votes of labelled examples, by nearness",
		.params = params,
		.psize = sizeof(struct keycache),
		.formula = "y_c = alpha sum_(n of class c) exp(-beta (1 - <x, key_n>))",
	},
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
