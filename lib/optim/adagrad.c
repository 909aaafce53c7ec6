/* Adagrad as torch.optim.Adagrad has it:
 *   d = g + wd w;  s += d^2;  w -= lr/(1 + t decay) d / (sqrt(s) + eps),  t from 0. */
#include "optim/optim.h"

#include <math.h>

#include "kernel/isa.h"

struct adagrad {
	double lr, decay, wd, s0, eps;
};

static const struct fl_param params[] = {
	{ "lr", FL_P_REAL, offsetof(struct adagrad, lr), "0.01", 0, 1e6, NULL, "eta",
	  "learning rate" },
	{ "decay", FL_P_REAL, offsetof(struct adagrad, decay), "0", 0, 1e6, NULL, "delta",
	  "the rate is divided by 1 + steps before times this" },
	{ "wd", FL_P_REAL, offsetof(struct adagrad, wd), "0", 0, 1e6, NULL, "lambda",
	  "weight decay, added to the gradient" },
	{ "s0", FL_P_REAL, offsetof(struct adagrad, s0), "0", 0, 1e6, NULL, "sum",
	  "sum of squares to begin with" },
	{ "eps", FL_P_REAL, offsetof(struct adagrad, eps), "1e-10", 1e-30, 1e6, NULL, "eps",
	  "added to the root of the sum" },
	{ 0 }
};

struct coef {
	float rate, wd, eps;
};

FL_BODY void adagrad_body(struct coef k, float *restrict w, const float *restrict g,
                          float *restrict s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float d = g[i] + k.wd * w[i];

		s[i] += d * d;
		w[i] -= k.rate * d / (sqrtf(s[i]) + k.eps);
	}
}

static void adagrad(struct coef k, float *restrict w, const float *restrict g, float *restrict s,
                    size_t n);
FL_ISA_FN(adagrad, (struct coef k, float *restrict w, const float *restrict g, float *restrict s,
          size_t n), (k, w, g, s, n))

static size_t nvec(const void *p)
{
	(void)p;
	return 1;
}

static double lr(const void *p)
{
	return ((const struct adagrad *)p)->lr;
}

static void step(const void *p, double rate, uint64_t t, float *w, float *g,
                 float *const vec[FL_OPT_VECS], size_t n)
{
	const struct adagrad *o = p;
	struct coef k = { (float)(rate / (1 + (double)t * o->decay)), (float)o->wd, (float)o->eps };

	for (size_t i = 0; !t && i < n; i++)
		vec[0][i] = (float)o->s0;
	adagrad(k, w, g, vec[0], n);
}

const struct fl_optim fl_opt_adagrad = {
	.e = {
		.name = "adagrad",
		.title = "Adagrad",
		.cite = "Duchi, Hazan and Singer, JMLR 12, 2011; torch.optim.Adagrad",
		.doc = "steps scaled by the root of the sum of squared gradients",
		.params = params,
		.psize = sizeof(struct adagrad),
		.formula = "d = g + wd w; s += d^2; w -= lr/(1 + t decay) d / (sqrt(s) + eps)",
	},
	.vec = { "sum" },
	.nvec = nvec,
	.lr = lr,
	.step = step,
};
