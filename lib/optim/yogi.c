/* Yogi: Adam whose second moment moves by a bounded amount:
 *   d = g + wd w;  m = beta1 m + (1 - beta1) d;
 *   v -= (1 - beta2) sign(v - d^2) d^2;  w -= lr m / (sqrt(v) + eps).
 * m and v begin at v0. The paper's algorithm has no bias correction; with it,
 * m is divided by 1 - beta1^t and v by 1 - beta2^t, as in Adam. */
#include "optim/optim.h"

#include <math.h>

#include "base/fmath.h"
#include "kernel/isa.h"

struct yogi {
	double lr, beta1, beta2, eps, wd, v0;
	int bias_correction;
};

static const struct fl_param params[] = {
	{ "lr", FL_P_REAL, offsetof(struct yogi, lr), "0.01", 0, 1e6, NULL, "eta",
	  "learning rate" },
	{ "beta1", FL_P_REAL, offsetof(struct yogi, beta1), "0.9", 0, 0.999999, NULL, "beta",
	  "share of the mean gradient that is kept" },
	{ "beta2", FL_P_REAL, offsetof(struct yogi, beta2), "0.999", 0, 0.999999, NULL, "beta",
	  "share of the mean square that is kept" },
	{ "eps", FL_P_REAL, offsetof(struct yogi, eps), "0.001", 1e-30, 1e6, NULL, "eps",
	  "added to the root of the mean square" },
	{ "wd", FL_P_REAL, offsetof(struct yogi, wd), "0", 0, 1e6, NULL, "lambda",
	  "weight decay, added to the gradient" },
	{ "v0", FL_P_REAL, offsetof(struct yogi, v0), "1e-6", 0, 1e6, NULL, "value",
	  "both moments to begin with" },
	{ "bias_correction", FL_P_BOOL, offsetof(struct yogi, bias_correction), "off", 0, 0, NULL,
	  NULL, "correct the moments as Adam does" },
	{ 0 }
};

struct coef {
	float wd, b1, k1, k2, rate, root, eps;
};

FL_BODY void yogi_body(struct coef k, float *restrict w, const float *restrict g,
                       float *restrict m, float *restrict v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float d = g[i] + k.wd * w[i], d2 = d * d, move = k.k2 * d2;

		m[i] = k.b1 * m[i] + k.k1 * d;
		v[i] -= v[i] > d2 ? move : v[i] < d2 ? -move : 0;
		w[i] -= k.rate * m[i] / (sqrtf(v[i]) / k.root + k.eps);
	}
}

static void yogi(struct coef k, float *restrict w, const float *restrict g, float *restrict m,
                 float *restrict v, size_t n);
FL_ISA_FN(yogi, (struct coef k, float *restrict w, const float *restrict g, float *restrict m,
          float *restrict v, size_t n), (k, w, g, m, v, n))

static size_t nvec(const void *p)
{
	(void)p;
	return 2;
}

static double lr(const void *p)
{
	return ((const struct yogi *)p)->lr;
}

static void step(const void *p, double rate, uint64_t t, float *w, float *g,
                 float *const vec[FL_OPT_VECS], size_t n)
{
	const struct yogi *o = p;
	double c1 = o->bias_correction ? 1 - fl_pow(o->beta1, (double)t + 1) : 1;
	double c2 = o->bias_correction ? 1 - fl_pow(o->beta2, (double)t + 1) : 1;
	struct coef k = {
		.wd = (float)o->wd, .b1 = (float)o->beta1, .k1 = (float)(1 - o->beta1),
		.k2 = (float)(1 - o->beta2), .rate = (float)(rate / c1),
		.root = (float)sqrt(c2), .eps = (float)o->eps,
	};

	for (size_t i = 0; !t && i < n; i++)
		vec[0][i] = vec[1][i] = (float)o->v0;
	yogi(k, w, g, vec[0], vec[1], n);
}

const struct fl_optim fl_opt_yogi = {
	.e = {
		.name = "yogi",
		.title = "Yogi",
		.cite = "Zaheer et al., NeurIPS 2018, Adaptive methods for nonconvex optimization",
		.doc = "Adam whose second moment moves by a bounded amount",
		.params = params,
		.psize = sizeof(struct yogi),
		.formula = "v -= (1 - beta2) sign(v - d^2) d^2; w -= lr m / (sqrt(v) + eps)",
	},
	.vec = { "exp_avg", "exp_avg_sq" },
	.nvec = nvec,
	.lr = lr,
	.step = step,
};
