/* Bias-corrected first and second moments, in torch.optim's order of operations,
 * each rounded to float:
 *   m = beta1 m + (1 - beta1) d;  v = beta2 v + (1 - beta2) d^2;
 *   w -= lr/(1 - beta1^t) m / (sqrt(v)/sqrt(1 - beta2^t) + eps),  t from 1. */
#include "optim/moments.h"

#include <math.h>

#include "base/fmath.h"
#include "kernel/isa.h"

struct coef {
	float shrink, wd;	/* w = shrink w; d = g + wd w */
	float b1, k1, b2, k2;	/* kept and new shares */
	float rate, root, eps;	/* corrected lr, sqrt(1 - beta2^t) */
};

FL_BODY void moments_body(struct coef k, float *restrict w, const float *restrict g,
                          float *restrict m, float *restrict v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float d = g[i] + k.wd * w[i];

		w[i] *= k.shrink;
		m[i] = k.b1 * m[i] + k.k1 * d;
		v[i] = k.b2 * v[i] + k.k2 * d * d;
		w[i] -= k.rate * m[i] / (sqrtf(v[i]) / k.root + k.eps);
	}
}

FL_BODY void largest_body(struct coef k, float *restrict w, const float *restrict g,
                          float *restrict m, float *restrict v, float *restrict max, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float d = g[i] + k.wd * w[i];

		w[i] *= k.shrink;
		m[i] = k.b1 * m[i] + k.k1 * d;
		v[i] = k.b2 * v[i] + k.k2 * d * d;
		max[i] = max[i] > v[i] ? max[i] : v[i];
		w[i] -= k.rate * m[i] / (sqrtf(max[i]) / k.root + k.eps);
	}
}

static void moments(struct coef k, float *restrict w, const float *restrict g, float *restrict m,
                    float *restrict v, size_t n);
FL_ISA_FN(moments, (struct coef k, float *restrict w, const float *restrict g, float *restrict m,
          float *restrict v, size_t n), (k, w, g, m, v, n))

static void largest(struct coef k, float *restrict w, const float *restrict g, float *restrict m,
                    float *restrict v, float *restrict max, size_t n);
FL_ISA_FN(largest, (struct coef k, float *restrict w, const float *restrict g, float *restrict m,
          float *restrict v, float *restrict max, size_t n), (k, w, g, m, v, max, n))

size_t fl_moments_nvec(const void *p)
{
	return ((const struct fl_moments *)p)->amsgrad ? 3 : 2;
}

double fl_moments_lr(const void *p)
{
	return ((const struct fl_moments *)p)->lr;
}

void fl_moments_step(const struct fl_moments *p, int decoupled, double rate, uint64_t t,
                     float *w, const float *g, float *const vec[FL_OPT_VECS], size_t n)
{
	double c1 = 1 - fl_pow(p->beta1, (double)t + 1), c2 = 1 - fl_pow(p->beta2, (double)t + 1);
	struct coef k = {
		.shrink = decoupled ? (float)(1 - rate * p->wd) : 1,
		.wd = decoupled ? 0 : (float)p->wd,
		.b1 = (float)p->beta1, .k1 = (float)(1 - p->beta1),
		.b2 = (float)p->beta2, .k2 = (float)(1 - p->beta2),
		.rate = (float)(rate / c1), .root = (float)sqrt(c2), .eps = (float)p->eps,
	};

	if (p->amsgrad)
		largest(k, w, g, vec[0], vec[1], vec[2], n);
	else
		moments(k, w, g, vec[0], vec[1], n);
}
