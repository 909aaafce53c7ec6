/* Temperature scaling of the zero-shot classifier: the one number that makes its
 * probabilities most likely on labelled images. With s = 1/T the mean loss
 *   L(s) = mean_i [ log sum_c exp(s z_ic) - s z_iy ]
 * is convex, L'(s) = mean_i [ E_i z - z_iy ], so the root of L' is bracketed and then
 * found by Newton steps that fall back on bisection; all in double. */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/num.h"
#include "model/fit.h"

#define S_MAX 1e6	/* a classifier without a mistake wants an infinite scale */

struct temperature {
	int64_t dim, classes;
};

static const struct fl_param params[] = {
	{ "dim", FL_P_INT, offsetof(struct temperature, dim), "512", 1, 1 << 20, NULL, "n",
	  "numbers of an embedding" },
	{ "classes", FL_P_INT, offsetof(struct temperature, classes), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct temperature *p = block;

	fl_fit_texts_json(out, p->dim, p->classes, 100);
	fl_str_add(out, "]}");
	return fl_str_check(out, e);
}

/* L'(s), and L''(s) = mean variance of z. */
static double slope(const float *z, const int32_t *y, size_t N, size_t C, double s, double *curve)
{
	double sum = 0, second = 0;

	for (size_t i = 0; i < N; i++, z += C) {
		double max = (double)z[0], n = 0, m = 0, q = 0;

		for (size_t c = 1; c < C; c++)
			max = (double)z[c] > max ? (double)z[c] : max;
		for (size_t c = 0; c < C; c++) {
			double d = (double)z[c] - max, p = fl_exp(s * d);

			n += p;
			m += p * d;
			q += p * d * d;
		}
		m /= n;
		sum += m - ((double)z[y[i]] - max);
		second += q / n - m * m;
	}
	*curve = second / (double)N;
	return sum / (double)N;
}

static double solve(const float *z, const int32_t *y, size_t N, size_t C)
{
	double lo = 0, hi = 1, s = 1, curve;

	if (slope(z, y, N, C, 0, &curve) >= 0)
		return 0;	/* worse than not looking: every class is as likely */
	while (hi < S_MAX && slope(z, y, N, C, hi, &curve) < 0) {
		lo = hi;
		hi *= 2;
	}
	if (hi >= S_MAX)
		return S_MAX;
	for (int i = 0; i < 200 && hi - lo > 1e-12 * hi; i++) {
		double g = slope(z, y, N, C, s = s > lo && s < hi ? s : (lo + hi) / 2, &curve);

		if (g < 0)
			lo = s;
		else
			hi = s;
		s -= g / curve;
	}
	return (lo + hi) / 2;
}

static int fit(const void *block, const struct fl_fit *f, const struct fl_net *net, fl_real *w,
               struct fl_str *log, struct fl_err *e)
{
	struct fl_pass_all a = { .g = NULL };
	float one = 1, *z = NULL, s;
	int rc = -1;

	(void)block;
	if (!fl_fit_put_texts(f, net, w, e) && !fl_fit_put(net, w, "scale.weight", &one, e) &&
	    !fl_pass_all_init(&a, net, e) && (z = fl_alloc(f->N * f->C, sizeof *z, e))) {
		fl_pass_all_outputs(&a, w, f->image, f->N, z);
		s = (float)solve(z, f->y, f->N, f->C);
		fl_str_add(log, "scale ");
		fl_str_addnum(log, (double)s);
		rc = fl_fit_put(net, w, "scale.weight", &s, e);
	}
	free(z);
	fl_pass_all_release(&a);
	return rc;
}

const struct fl_arch fl_arch_temperature = {
	.e = {
		.name = "temperature",
		.title = "Temperature scaling",
		.cite = "Guo et al., ICML 2017, arXiv 1706.04599",
		.doc = "zero-shot classifier with the scale that fits labelled images best",
		.params = params,
		.psize = sizeof(struct temperature),
		.formula = "s = argmin mean_i [log sum_c exp(s z_ic) - s z_iy]",
	},
	.json = json,
	.fit = fit,
};
