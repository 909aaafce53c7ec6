/* Temperature scaling of the zero-shot classifier: the one number that makes its
 * probabilities most likely on labelled images. With s = 1/T the mean loss
 *   L(s) = mean_i [ log sum_c exp(s z_ic) - s z_iy ]
 * is convex: metric/calibration.h. */
#include <stdlib.h>

#include "base/log.h"
#include "metric/calibration.h"
#include "model/fit.h"

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

/* Into *s: the best scale of cosines z(N,C), or that of the encoder where there is none. */
static int best_scale(const struct fl_fit *f, const float *z, float *s, struct fl_err *e)
{
	enum fl_beta_end end;
	double beta;

	if (fl_temperature(z, f->y, f->N, f->C, 1, &beta, &end, e))
		return -1;
	*s = (float)(end == FL_BETA_FOUND ? beta : f->scale);
	if (end != FL_BETA_FOUND)
		fl_say(FL_LOG_WARN, "temperature: no scale is fitted, it stays %g: %s", (double)*s,
		       fl_beta_why[end]);
	return 0;
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
		if (!(rc = best_scale(f, z, &s, e))) {
			fl_str_add(log, "scale ");
			fl_str_addnum(log, (double)s);
			rc = fl_fit_put(net, w, "scale.weight", &s, e);
		}
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
