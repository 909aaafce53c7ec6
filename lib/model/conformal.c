/* The zero-shot classifier with calibrated sets of classes. The images it is fitted to
 * are the calibration set: they must not have been used for anything else. */
#include "nn/conformal.h"

#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "model/fit.h"

struct conformal {
	struct fl_conformal c;		/* first: the layer's parameters */
	int64_t dim, classes;
};

static const struct fl_param params[] = {
	{ "dim", FL_P_INT, offsetof(struct conformal, dim), "512", 1, 1 << 20, NULL, "n",
	  "numbers of an embedding" },
	{ "classes", FL_P_INT, offsetof(struct conformal, classes), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	FL_CONFORMAL_PARAMS,
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct conformal *p = block;

	fl_fit_texts_json(out, p->dim, p->classes, 100);
	fl_str_addf(out, ",{\"layer\":\"conformal\",\"name\":\"conformal\",\"score\":\"%s\",\"level\":",
	            fl_conformal_name[p->c.score]);
	fl_str_addnum(out, p->c.level);
	fl_str_add(out, ",\"lambda\":");
	fl_str_addnum(out, p->c.lambda);
	fl_str_addf(out, ",\"kreg\":%lld,\"randomized\":%s}]}", (long long)p->c.kreg,
	            p->c.randomized ? "true" : "false");
	return fl_str_check(out, e);
}

struct room {
	float *z;		/* (N,C) */
	double *score, *own;	/* (C), (N) of the true classes */
	uint32_t *order;	/* (C) */
};

static double calibrate(const struct fl_conformal *p, const struct fl_fit *f, struct room *r)
{
	for (size_t i = 0; i < f->N; i++) {
		fl_conformal_scores(p, r->z + i * f->C, fl_conformal_u(p, f->seed, i), r->score, r->order,
		                    f->C);
		r->own[i] = r->score[f->y[i]];
	}
	return fl_conformal_quantile(p->level, r->own, f->N);
}

/* To F32 without leaving out a score that is equal. */
static float round_up(double q)
{
	float f = (float)q;

	return (double)f < q ? nextafterf(f, INFINITY) : f;
}

static int fit(const void *block, const struct fl_fit *f, const struct fl_net *net, fl_real *w,
               struct fl_str *log, struct fl_err *e)
{
	struct fl_pass_all a = { .g = NULL };
	struct room r = {
		.z = fl_alloc(f->N * f->C, sizeof *r.z, e), .score = fl_alloc(f->C, sizeof *r.score, e),
		.own = fl_alloc(f->N, sizeof *r.own, e), .order = fl_alloc(f->C, sizeof *r.order, e),
	};
	int rc = -1;

	if (r.z && r.score && r.own && r.order && !fl_fit_put_texts(f, net, w, e) &&
	    !fl_pass_all_init(&a, net, e)) {
		float q;

		fl_pass_all_outputs(&a, w, f->image, f->N, r.z);
		q = round_up(calibrate(block, f, &r));
		fl_str_add(log, "quantile ");
		fl_str_addnum(log, (double)q);
		rc = fl_fit_put(net, w, "conformal.quantile", &q, e);
	}
	fl_pass_all_release(&a);
	free(r.z);
	free(r.score);
	free(r.own);
	free(r.order);
	return rc;
}

const struct fl_arch fl_arch_conformal = {
	.e = {
		.name = "conformal",
		.title = "Conformal zero-shot classifier",
		.cite = "Sadinle et al., JASA 114, 2019; Romano et al., NeurIPS 2020; Angelopoulos et al., ICLR 2021",
		.doc = "zero-shot classifier with sets of classes of a known coverage",
		.params = params,
		.psize = sizeof(struct conformal),
		.formula = "{c: score_c <= q}, q the ceil((n+1)(1-level))-th smallest score of the true classes",
	},
	.json = json,
	.fit = fit,
};
