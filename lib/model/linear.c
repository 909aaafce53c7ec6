/* Linear probe: multinomial logistic regression on unit embeddings, to its optimum by
 * L-BFGS. c is the inverse of regularisation as scikit-learn has it,
 *   min c sum_i loss_i + |W|^2 / 2,   the bias free;
 * given, or chosen by accuracy on the validation set as CLIP's authors do: powers of 10
 * from 1e-6 to 1e6, then 8 steps of bisection around the best. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/num.h"
#include "model/fit.h"
#include "optim/lbfgs.h"

struct probe {
	int64_t dim, classes, iterations;
	double c;
};

static const struct fl_param params[] = {
	{ "dim", FL_P_INT, offsetof(struct probe, dim), "512", 1, 1 << 20, NULL, "n",
	  "numbers of an embedding" },
	{ "classes", FL_P_INT, offsetof(struct probe, classes), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ "c", FL_P_REAL, offsetof(struct probe, c), NULL, 1e-12, 1e12, NULL, "x",
	  "inverse of regularisation; unset: 0.316, or chosen on the validation set" },
	{ "iterations", FL_P_INT, offsetof(struct probe, iterations), "1000", 1, 1000000, NULL, "n",
	  "steps of the optimiser at most" },
	{ 0 }
};

enum { POWERS = 13, BISECTIONS = 8 };

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct probe *p = block;

	fl_str_addf(out, "{\"input\":[%lld],\"layers\":[{\"layer\":\"unit\"},{\"layer\":\"linear\","
	            "\"name\":\"probe\",\"out\":%lld}]}", (long long)p->dim, (long long)p->classes);
	return fl_str_check(out, e);
}

struct run {
	const struct probe *p;
	const struct fl_fit *f;
	const struct fl_net *net;
	struct fl_pass_all all;
	fl_real *w, *best;		/* (P) at hand, of the best c */
	double *x;			/* (P) at hand, in double */
	size_t weight, nweight;		/* what is regularised */
	double c, best_c, accuracy;
};

/* Mean loss + |W|^2 / (2 c N). */
static double value(void *ctx, const double *x, double *g)
{
	struct run *r = ctx;
	double pull = 1 / (r->c * (double)r->f->N), loss, square = 0;

	for (size_t i = 0; i < r->net->P; i++)
		r->w[i] = (fl_real)x[i];
	loss = fl_pass_all_loss(&r->all, r->w, r->f->image, r->f->y, r->f->N, g);
	for (size_t i = r->weight; i < r->weight + r->nweight; i++) {
		square += x[i] * x[i];
		g[i] += pull * x[i];
	}
	return loss + pull * square / 2;
}

/* The optimum at c, beginning where the last one ended. */
static int solve(struct run *r, double c, struct fl_err *e)
{
	struct fl_lbfgs o = {
		.n = r->net->P, .iterations = (int)r->p->iterations, .tolerance = 1e-7, .value = value,
		.ctx = r,
	};

	r->c = c;
	if (fl_lbfgs_run(&o, r->x, e))
		return -1;
	for (size_t i = 0; i < r->net->P; i++)
		r->w[i] = (fl_real)r->x[i];
	return 0;
}

/* The first of equals stays, so a sweep in ascending c keeps the most regular. */
static int attempt(struct run *r, double c, struct fl_err *e)
{
	double accuracy;

	if (solve(r, c, e))
		return -1;
	accuracy = fl_pass_all_accuracy(&r->all, r->w, r->f->val_image, r->f->val_y, r->f->M);
	if (accuracy > r->accuracy) {
		r->accuracy = accuracy;
		r->best_c = c;
		memcpy(r->best, r->w, r->net->P * sizeof *r->best);
	}
	return 0;
}

static int sweep(struct run *r, struct fl_err *e)
{
	double width = 1;

	for (int k = 0; k < POWERS; k++)
		if (attempt(r, fl_pow(10, k - 6), e))
			return -1;
	for (int k = 0; k < BISECTIONS; k++) {
		double at = fl_log(r->best_c) / fl_log(10);

		width /= 2;
		if (attempt(r, fl_pow(10, at - width), e) || attempt(r, fl_pow(10, at + width), e))
			return -1;
	}
	return 0;
}

static int run(struct run *r, fl_real *w, struct fl_str *log, struct fl_err *e)
{
	int given = !isnan(r->p->c), search = !given && r->f->M;

	r->best_c = given ? r->p->c : .316;
	if (search ? sweep(r, e) : solve(r, r->best_c, e))
		return -1;
	memcpy(w, search ? r->best : r->w, r->net->P * sizeof *w);
	fl_str_add(log, "c ");
	fl_str_addnum(log, r->best_c);
	if (search) {
		fl_str_add(log, ", accuracy on the validation set ");
		fl_str_addnum(log, r->accuracy);
	}
	return 0;
}

static int fit(const void *block, const struct fl_fit *f, const struct fl_net *net, fl_real *w,
               struct fl_str *log, struct fl_err *e)
{
	struct run r = {
		.p = block, .f = f, .net = net, .weight = net->param[0].off, .nweight = net->param[0].n,
		.accuracy = -1,
	};
	int rc = fl_pass_all_init(&r.all, net, e);

	r.w = fl_alloc(net->P, sizeof *r.w, e);
	r.best = fl_alloc(net->P, sizeof *r.best, e);
	r.x = fl_alloc(net->P, sizeof *r.x, e);
	rc = !rc && r.w && r.best && r.x ? run(&r, w, log, e) : -1;
	fl_pass_all_release(&r.all);
	free(r.w);
	free(r.best);
	free(r.x);
	return rc;
}

const struct fl_arch fl_arch_linear = {
	.e = {
		.name = "linear",
		.title = "Linear probe",
		.cite = "Radford et al., ICML 2021, arXiv 2103.00020, appendix A.3",
		.doc = "logistic regression on unit embeddings",
		.params = params,
		.psize = sizeof(struct probe),
		.formula = "z = W x + b, min c sum loss + |W|^2/2",
	},
	.json = json,
	.fit = fit,
};
