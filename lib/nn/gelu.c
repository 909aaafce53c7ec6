/* Gaussian error linear unit, as torch.nn.GELU has it: with the error function, or by
 * its usual approximation with tanh, as GPT-2 has it. The cache keeps the derivative. */
#include "kernel/isa.h"
#include "nn/act.h"

enum { TANH, NONE };

struct gelu {
	int approximate;
};

static const char *const choices[] = { "tanh", "none", NULL };
static const struct fl_param params[] = {
	{ "approximate", FL_P_ENUM, offsetof(struct gelu, approximate), "tanh", 0, 0, choices, "how",
	  "by tanh, or the error function itself" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	l->cache = fl_shape_count(&l->in);
	return fl_act_shape(l, e);
}

enum { BLOCK = 256 };

/* With u = s (x + c x^3), t = tanh u:  y = x (1 + t) / 2,
 * y' = (1 + t) / 2 + x (1 - t^2) / 2 * s (1 + 3 c x^2). */
#define S ((fl_real)0.79788456080286535588)
#define C ((fl_real)0.044715)
#define HALF ((fl_real).5)

FL_BODY void before_body(const fl_real *x, fl_real *u, size_t n)
{
	for (size_t i = 0; i < n; i++)
		u[i] = S * (x[i] + C * x[i] * x[i] * x[i]);
}

FL_BODY void after_body(const fl_real *x, const fl_real *tanh, fl_real *y, fl_real *d, size_t n)
{
#pragma GCC ivdep	/* y may be x */
	for (size_t i = 0; i < n; i++) {
		fl_real v = x[i], t = tanh[i];

		d[i] = HALF * (1 + t) + HALF * v * (1 - t * t) * S * (1 + 3 * C * v * v);
		y[i] = HALF * v * (1 + t);
	}
}

/* y = x P(x), y' = P(x) + x P'(x), P the normal distribution: (1 + erf(x / sqrt 2)) / 2. */
FL_BODY void weigh_body(const fl_real *x, const fl_real *cdf, const fl_real *pdf, fl_real *y,
                        fl_real *d, size_t n)
{
#pragma GCC ivdep	/* y may be x */
	for (size_t i = 0; i < n; i++) {
		fl_real v = x[i];

		d[i] = cdf[i] + v * pdf[i];
		y[i] = v * cdf[i];
	}
}

FL_BODY void times_body(const fl_real *dy, const fl_real *d, fl_real *dx, size_t n)
{
#pragma GCC ivdep	/* dx may be dy */
	for (size_t i = 0; i < n; i++)
		dx[i] = dy[i] * d[i];
}

static void before(const fl_real *x, fl_real *u, size_t n);
FL_ISA_FN(before, (const fl_real *x, fl_real *u, size_t n), (x, u, n))

static void after(const fl_real *x, const fl_real *tanh, fl_real *y, fl_real *d, size_t n);
FL_ISA_FN(after, (const fl_real *x, const fl_real *tanh, fl_real *y, fl_real *d, size_t n),
          (x, tanh, y, d, n))

static void weigh(const fl_real *x, const fl_real *cdf, const fl_real *pdf, fl_real *y, fl_real *d,
                  size_t n);
FL_ISA_FN(weigh, (const fl_real *x, const fl_real *cdf, const fl_real *pdf, fl_real *y, fl_real *d,
          size_t n), (x, cdf, pdf, y, d, n))

static void times(const fl_real *dy, const fl_real *d, fl_real *dx, size_t n);
FL_ISA_FN(times, (const fl_real *dy, const fl_real *d, fl_real *dx, size_t n), (dy, d, dx, n))

/* n <= BLOCK numbers. */
static void some(int approximate, const fl_real *x, fl_real *y, fl_real *d, size_t n)
{
	fl_real p[BLOCK], q[BLOCK];

	if (approximate == TANH) {
		before(x, p, n);
		fl_act_tanh(p, p, n);
		after(x, p, y, d, n);
	} else {
		fl_act_normal(x, p, q, n);
		weigh(x, p, q, y, d, n);
	}
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	const struct gelu *p = l->p;
	size_t n = a->B * l->cache;

	for (size_t i = 0; i < n; i += BLOCK)
		some(p->approximate, a->x + i, a->y + i, a->cache + i, n - i < BLOCK ? n - i : BLOCK);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	if (a->dx)
		times(a->dy, a->cache, a->dx, a->B * l->cache);
}

const struct fl_layer_entry fl_layer_gelu = {
	.e = {
		.name = "gelu",
		.title = "GELU",
		.cite = "Hendrycks and Gimpel, arXiv 1606.08415",
		.doc = "Gaussian error linear unit, by default approximated with tanh",
		.params = params,
		.psize = sizeof(struct gelu),
		.formula = "y = x/2 (1 + erf(x/sqrt(2))), or x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))",
	},
	.units = FL_UNITS_KEPT,
	.elementwise = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
