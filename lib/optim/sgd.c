/* Stochastic gradient descent with PyTorch's meaning of every parameter:
 *   d = g + wd w;  m = d in the first step, else momentum m + (1 - dampening) d;
 *   w -= lr (nesterov ? d + momentum m : m), and w -= lr d without momentum.
 * Each operation is rounded to float, in this order, on every processor. */
#include "optim/optim.h"

#include "kernel/isa.h"

struct sgd {
	double lr, momentum, dampening, wd;
	int nesterov;
};

static const struct fl_param params[] = {
	{ "lr", FL_P_REAL, offsetof(struct sgd, lr), "0.01", 0, 1e6, NULL, "eta",
	  "learning rate" },
	{ "momentum", FL_P_REAL, offsetof(struct sgd, momentum), "0", 0, 1, NULL, "beta",
	  "share of the last direction that is kept" },
	{ "dampening", FL_P_REAL, offsetof(struct sgd, dampening), "0", 0, 1, NULL, "tau",
	  "share of the gradient that momentum leaves out, after the first step" },
	{ "wd", FL_P_REAL, offsetof(struct sgd, wd), "0", 0, 1e6, NULL, "lambda",
	  "weight decay, added to the gradient" },
	{ "nesterov", FL_P_BOOL, offsetof(struct sgd, nesterov), "off", 0, 0, NULL, NULL,
	  "look ahead by momentum; nothing without it" },
	{ 0 }
};

struct coef {
	float lr, wd, beta, keep;	/* m = beta m + keep d */
};

FL_BODY void plain_body(struct coef k, float *restrict w, const float *restrict g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		w[i] -= k.lr * (g[i] + k.wd * w[i]);
}

FL_BODY void heavy_body(struct coef k, float *restrict w, const float *restrict g,
                        float *restrict m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		m[i] = k.beta * m[i] + k.keep * (g[i] + k.wd * w[i]);
		w[i] -= k.lr * m[i];
	}
}

FL_BODY void ahead_body(struct coef k, float look, float *restrict w, const float *restrict g,
                        float *restrict m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float d = g[i] + k.wd * w[i];

		m[i] = k.beta * m[i] + k.keep * d;
		w[i] -= k.lr * (d + look * m[i]);
	}
}

static void plain(struct coef k, float *restrict w, const float *restrict g, size_t n);
FL_ISA_FN(plain, (struct coef k, float *restrict w, const float *restrict g, size_t n),
          (k, w, g, n))

static void heavy(struct coef k, float *restrict w, const float *restrict g, float *restrict m,
                  size_t n);
FL_ISA_FN(heavy, (struct coef k, float *restrict w, const float *restrict g, float *restrict m,
          size_t n), (k, w, g, m, n))

static void ahead(struct coef k, float look, float *restrict w, const float *restrict g,
                  float *restrict m, size_t n);
FL_ISA_FN(ahead, (struct coef k, float look, float *restrict w, const float *restrict g,
          float *restrict m, size_t n), (k, look, w, g, m, n))

static size_t nvec(const void *p)
{
	return ((const struct sgd *)p)->momentum > 0;
}

static double lr(const void *p)
{
	return ((const struct sgd *)p)->lr;
}

static struct fl_opt_linear linear(const void *p)
{
	const struct sgd *o = p;

	return (struct fl_opt_linear){ o->momentum, o->dampening, o->nesterov };
}

static void step(const void *p, double rate, uint64_t t, float *w, float *g,
                 float *const vec[FL_OPT_VECS], size_t n)
{
	const struct sgd *o = p;
	struct coef k = {
		.lr = (float)rate, .wd = (float)o->wd, .beta = t ? (float)o->momentum : 0,
		.keep = t ? (float)(1 - o->dampening) : 1,
	};

	if (!(o->momentum > 0))
		plain(k, w, g, n);
	else if (o->nesterov)
		ahead(k, (float)o->momentum, w, g, vec[0], n);
	else
		heavy(k, w, g, vec[0], n);
}

const struct fl_optim fl_opt_sgd = {
	.e = {
		.name = "sgd",
		.title = "SGD",
		.cite = "Robbins and Monro, 1951; Polyak, 1964; Nesterov, 1983; torch.optim.SGD",
		.doc = "gradient descent with momentum and weight decay",
		.params = params,
		.psize = sizeof(struct sgd),
		.formula = "d = g + wd w; m = momentum m + (1 - dampening) d; w -= lr m",
	},
	.vec = { "momentum_buffer" },
	.nvec = nvec,
	.lr = lr,
	.linear = linear,
	.step = step,
};
