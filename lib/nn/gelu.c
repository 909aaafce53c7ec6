/* Gaussian error linear unit by its usual approximation with tanh, as GPT-2 and
 * torch.nn.GELU(approximate="tanh") have it. The cache keeps the derivative. */
#include "nn/act.h"

static int shape(struct fl_layer *l, struct fl_err *e)
{
	l->cache = fl_shape_count(&l->in);
	return fl_act_shape(l, e);
}

/* With u = s (x + c x^3), t = tanh u:  y = x (1 + t) / 2,
 * y' = (1 + t) / 2 + x (1 - t^2) / 2 * s (1 + 3 c x^2). */
static void forward(const struct fl_layer *l, const struct fl_pass *a, int relu)
{
	const fl_real s = (fl_real)0.79788456080286535588, c = (fl_real)0.044715, half = (fl_real).5;
	size_t n = a->B * l->cache;
	fl_real *d = a->cache;

	(void)relu;
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
		.doc = "Gaussian error linear unit, approximated with tanh",
		.formula = "y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))",
	},
	.elementwise = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
