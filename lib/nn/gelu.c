/* Gaussian error linear unit, as torch.nn.GELU has it: with the error function, or by
 * its usual approximation with tanh, as GPT-2 has it. The cache keeps the derivative. */
#include "base/fmath.h"
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

/* With u = s (x + c x^3), t = tanh u:  y = x (1 + t) / 2,
 * y' = (1 + t) / 2 + x (1 - t^2) / 2 * s (1 + 3 c x^2). */
static void by_tanh(const struct fl_layer *l, const struct fl_pass *a)
{
	const fl_real s = (fl_real)0.79788456080286535588, c = (fl_real)0.044715, half = (fl_real).5;
	size_t n = a->B * l->cache;
	fl_real *d = a->cache;

	for (size_t i = 0; i < n; i++) {
		fl_real x = a->x[i];

		d[i] = s * (x + c * x * x * x);
	}
	fl_act_tanh(d, d, n);
	for (size_t i = 0; i < n; i++) {
		fl_real x = a->x[i], t = d[i];

		d[i] = half * (1 + t) + half * x * (1 - t * t) * s * (1 + 3 * c * x * x);
		a->y[i] = half * x * (1 + t);
	}
}

/* y = x (1 + erf(x / sqrt 2)) / 2, y' = (1 + erf) / 2 + x exp(-x^2 / 2) / sqrt(2 pi). */
static void by_erf(const struct fl_layer *l, const struct fl_pass *a)
{
	for (size_t i = 0; i < a->B * l->cache; i++) {
		double x = (double)a->x[i], half = .5 + .5 * fl_erf(x * 0.70710678118654752440);

		a->cache[i] = (fl_real)(half + x * 0.39894228040143267794 * fl_exp(-.5 * x * x));
		a->y[i] = (fl_real)(x * half);
	}
}

static void forward(const struct fl_layer *l, const struct fl_pass *a, int relu)
{
	(void)relu;
	if (((const struct gelu *)l->p)->approximate == NONE)
		by_erf(l, a);
	else
		by_tanh(l, a);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	for (size_t i = 0; a->dx && i < a->B * l->cache; i++)
		a->dx[i] = a->dy[i] * a->cache[i];
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
	.elementwise = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
