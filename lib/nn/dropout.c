/* Dropout: in training an element is 0 with probability p and else divided by
 * 1-p. Masks come from the pass's generator, so they depend on its name alone;
 * the cache keeps each element's factor for the backward pass. */
#include "base/rng.h"
#include "nn/layer.h"

struct dropout {
	double p;
};

static const struct fl_param params[] = {
	{ "p", FL_P_REAL, offsetof(struct dropout, p), "0.5", 0, 0.999, NULL, "x",
	  "probability that an element is dropped" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	(void)e;
	l->out = l->in;
	l->cache = fl_shape_count(&l->in);
	return 0;
}

/* f(n) = 0 or 1/(1-p); a 64-bit draw serves two elements. */
static void draw(struct fl_rng *r, double p, fl_real *f, size_t n)
{
	uint32_t below = (uint32_t)(p * 0x1p32);
	fl_real keep = (fl_real)(1 / (1 - p));

	for (size_t i = 0; i < n; i += 2) {
		uint64_t u = fl_rng_u64(r);

		f[i] = (uint32_t)u < below ? 0 : keep;
		if (i + 1 < n)
			f[i + 1] = (uint32_t)(u >> 32) < below ? 0 : keep;
	}
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = a->B * l->cache;

	if (a->train && a->rng)
		draw(a->rng, ((const struct dropout *)l->p)->p, a->cache, n);
	else
		for (size_t i = 0; i < n; i++)
			a->cache[i] = 1;
	for (size_t i = 0; i < n; i++)
		a->y[i] = a->x[i] * a->cache[i];
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	for (size_t i = 0; a->dx && i < a->B * l->cache; i++)
		a->dx[i] = a->dy[i] * a->cache[i];
}

const struct fl_layer_entry fl_layer_dropout = {
	.e = {
		.name = "dropout",
		.title = "Dropout",
		.cite = "Srivastava et al., JMLR 15, 2014",
		.doc = "elements dropped at random in training, the others scaled up",
		.params = params,
		.psize = sizeof(struct dropout),
		.formula = "y = x m / (1 - p), m = 0 with probability p, else 1",
	},
	.units = FL_UNITS_KEPT,
	.elementwise = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
