/* LARS: in each tensor the rate is scaled by the ratio of the weights' norm to
 * the gradient's:
 *   a = trust |w| / (|g| + wd |w|);  m = momentum m + lr a (g + wd w);  w -= m.
 * Where w or g is zero a is 1, as in the authors' later code. */
#include "optim/optim.h"

#include <math.h>

#include "kernel/isa.h"
#include "kernel/vmath.h"

struct lars {
	double lr, momentum, wd, trust;
};

static const struct fl_param params[] = {
	{ "lr", FL_P_REAL, offsetof(struct lars, lr), "1", 0, 1e6, NULL, "gamma",
	  "learning rate of all tensors" },
	{ "momentum", FL_P_REAL, offsetof(struct lars, momentum), "0.9", 0, 1, NULL, "beta",
	  "share of the last step that is kept" },
	{ "wd", FL_P_REAL, offsetof(struct lars, wd), "0", 0, 1e6, NULL, "lambda",
	  "weight decay" },
	{ "trust", FL_P_REAL, offsetof(struct lars, trust), "0.001", 0, 1e6, NULL, "eta",
	  "a step's norm over the weights' norm, at lr 1" },
	{ 0 }
};

struct coef {
	float beta, rate, wd;
};

FL_BODY void lars_body(struct coef k, float *restrict w, const float *restrict g,
                       float *restrict m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		m[i] = k.beta * m[i] + k.rate * (g[i] + k.wd * w[i]);
		w[i] -= m[i];
	}
}

static void lars(struct coef k, float *restrict w, const float *restrict g, float *restrict m,
                 size_t n);
FL_ISA_FN(lars, (struct coef k, float *restrict w, const float *restrict g, float *restrict m,
          size_t n), (k, w, g, m, n))

static size_t nvec(const void *p)
{
	(void)p;
	return 1;
}

static double lr(const void *p)
{
	return ((const struct lars *)p)->lr;
}

static void step(const void *p, double rate, uint64_t t, float *w, float *g,
                 float *const vec[FL_OPT_VECS], size_t n)
{
	const struct lars *o = p;
	double nw = sqrt(fl_vsumsq(w, n)), ng = sqrt(fl_vsumsq(g, n));
	double a = nw > 0 && ng > 0 ? o->trust * nw / (ng + o->wd * nw) : 1;

	(void)t;
	lars((struct coef){ (float)o->momentum, (float)(rate * a), (float)o->wd }, w, g, vec[0], n);
}

const struct fl_optim fl_opt_lars = {
	.e = {
		.name = "lars",
		.title = "LARS",
		.cite = "You, Gitman and Ginsburg, 2017, arXiv 1708.03888",
		.doc = "momentum with a rate for each tensor by the norms of w and g",
		.params = params,
		.psize = sizeof(struct lars),
		.formula = "m = momentum m + lr trust |w|/(|g| + wd |w|) (g + wd w); w -= m",
	},
	.whole = 1,
	.vec = { "momentum_buffer" },
	.nvec = nvec,
	.lr = lr,
	.step = step,
};
