/* LP++: a linear probe whose outputs blend with the class texts by a trained number a
 * class. Full-batch gradient descent with step sizes from Lipschitz constants, none of
 * which is searched for:
 *   weights start as the sums of their class's images, step 4 N / lambda_max(F^T F),
 *   momentum .9; alpha starts as 250 mean_c <mean image of c, text_c>, and takes a plain
 *   step of N / (4 max_c sum_i <f_i, t_c>^2) every tenth epoch.
 * The bias, which the authors draw at random, starts at 0. With a validation set the
 * weights of the last of its best epochs are kept. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "model/fit.h"
#include "nn/unit.h"

struct lpp {
	int64_t dim, classes, epochs;
	double momentum;
};

static const struct fl_param params[] = {
	{ "dim", FL_P_INT, offsetof(struct lpp, dim), "512", 1, 1 << 20, NULL, "n",
	  "numbers of an embedding" },
	{ "classes", FL_P_INT, offsetof(struct lpp, classes), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ "epochs", FL_P_INT, offsetof(struct lpp, epochs), "300", 0, 1000000, NULL, "n",
	  "steps over all images" },
	{ "momentum", FL_P_REAL, offsetof(struct lpp, momentum), "0.9", 0, 1, NULL, "x",
	  "momentum of the weights' steps" },
	{ 0 }
};

enum { ALPHA_EVERY = 10, POWER_STEPS = 1000 };

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct lpp *p = block;

	fl_str_addf(out, "{\"input\":[%lld],\"layers\":[{\"layer\":\"unit\"},"
	            "{\"layer\":\"residual\",\"name\":\"lpp\",\"body\":[{\"layer\":\"linear\","
	            "\"name\":\"visual\",\"out\":%lld}],\"shortcut\":["
	            "{\"layer\":\"fixed\",\"name\":\"text\",\"out\":%lld},"
	            "{\"layer\":\"scale\",\"name\":\"alpha\",\"each\":true}]}]}", (long long)p->dim,
	            (long long)p->classes, (long long)p->classes);
	return fl_str_check(out, e);
}

/* The run: unit rows, the flat vectors, and where alpha lies in them. */
struct run {
	const struct fl_fit *f;
	const struct fl_net *net;
	struct fl_pass_all all;
	float *x, *inv;			/* (N,d), (N) */
	double *g, *v;			/* (P) gradient, momentum */
	fl_real *best;			/* (P) */
	size_t alpha, nalpha;
	double rate, alpha_rate;
};

/* lambda_max(F^T F) by power iteration from the mean image. */
static double largest_eigenvalue(const float *x, size_t N, size_t d, double *v, double *u)
{
	double lambda = 0, before = -1;

	for (size_t j = 0; j < d; j++)
		v[j] = 0;
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < d; j++)
			v[j] += (double)x[i * d + j];
	for (int k = 0; k < POWER_STEPS && (lambda - before > 1e-12 * lambda || k < 2); k++) {
		double norm = 0, inv;

		before = lambda;
		lambda = 0;
		for (size_t j = 0; j < d; j++) {
			norm += v[j] * v[j];
			u[j] = 0;
		}
		inv = norm > 0 ? 1 / norm : 0;
		for (size_t i = 0; i < N; i++) {
			double t = 0;

			for (size_t j = 0; j < d; j++)
				t += (double)x[i * d + j] * v[j];
			for (size_t j = 0; j < d; j++)
				u[j] += (double)x[i * d + j] * t;
			lambda += t * t;
		}
		lambda *= inv;
		for (size_t j = 0; j < d; j++)
			v[j] = u[j] * inv;
	}
	return lambda;
}

/* Cosines of image i with the text of class c, both of unit length. */
static double cosine(const float *x, const float *t, size_t d)
{
	double s = 0;

	for (size_t j = 0; j < d; j++)
		s += (double)x[j] * (double)t[j];
	return s;
}

/* alpha's start and step; both 0 without texts. */
static double begin_alpha(struct run *r, const float *text)
{
	const struct fl_fit *f = r->f;
	double most = 0, start = 0;

	for (size_t c = 0; text && c < f->C; c++) {
		double square = 0, own = 0, n = 0;

		for (size_t i = 0; i < f->N; i++) {
			double s = cosine(r->x + i * f->d, text + c * f->d, f->d);

			square += s * s;
			own += f->y[i] == (int32_t)c ? s : 0;
			n += f->y[i] == (int32_t)c;
		}
		most = square > most ? square : most;
		start += n > 0 ? own / n : 0;
	}
	r->alpha_rate = most > 0 ? (double)f->N / (4 * most) : 0;
	return 250 * start / (double)f->C;
}

static int put_start(struct run *r, fl_real *w, struct fl_err *e)
{
	const struct fl_fit *f = r->f;
	size_t C = f->C, d = f->d;
	float *sum = fl_alloc(C * d, sizeof *sum, e), *text = fl_alloc(C * d, sizeof *text, e);
	float *number = fl_alloc(C, sizeof *number, e);
	int rc = sum && text && number ? 0 : -1;

	if (!rc) {
		double alpha;

		for (size_t i = 0; i < f->N; i++)
			for (size_t j = 0; j < d; j++)
				sum[(size_t)f->y[i] * d + j] += r->x[i * d + j];
		rc = fl_fit_put(r->net, w, "lpp.visual.weight", sum, e) ||
		     fl_fit_put(r->net, w, "lpp.visual.bias", number, e) ||
		     fl_fit_put_rows(r->net, w, "lpp.text.weight", f->text, C, d, e);
		if (f->text)
			fl_unit_rows(f->text, text, number, C, d);
		alpha = begin_alpha(r, f->text ? text : NULL);
		for (size_t c = 0; c < C; c++)
			number[c] = (float)alpha;
		rc = rc || fl_fit_put(r->net, w, "lpp.alpha.weight", number, e);
	}
	free(sum);
	free(text);
	free(number);
	return rc ? -1 : 0;
}

static int begin(struct run *r, struct fl_err *e)
{
	const struct fl_fit *f = r->f;
	size_t P = r->net->P;

	r->x = fl_alloc(f->N * f->d, sizeof *r->x, e);
	r->inv = fl_alloc(f->N, sizeof *r->inv, e);
	r->g = fl_alloc(P, sizeof *r->g, e);
	r->v = fl_alloc(P, sizeof *r->v, e);
	r->best = fl_alloc(P, sizeof *r->best, e);
	if (!r->x || !r->inv || !r->g || !r->v || !r->best || fl_pass_all_init(&r->all, r->net, e))
		return -1;
	fl_unit_rows(f->image, r->x, r->inv, f->N, f->d);
	r->rate = 4 * (double)f->N / largest_eigenvalue(r->x, f->N, f->d, r->g, r->v);
	memset(r->v, 0, P * sizeof *r->v);
	for (size_t i = 0; i < r->net->nparam; i++)
		if (!strcmp(r->net->param[i].name, "lpp.alpha.weight")) {
			r->alpha = r->net->param[i].off;
			r->nalpha = r->net->param[i].n;
		}
	return 0;
}

/* Buffers have no gradient, so they stay. */
static void step(struct run *r, fl_real *w, double momentum, int alpha)
{
	for (size_t i = 0; i < r->net->P; i++) {
		if (i - r->alpha < r->nalpha) {
			w[i] -= alpha ? (fl_real)(r->alpha_rate * r->g[i]) : 0;
			continue;
		}
		r->v[i] = momentum * r->v[i] + r->g[i];
		w[i] -= (fl_real)(r->rate * r->v[i]);
	}
}

static void descend(struct run *r, const struct lpp *p, fl_real *w, struct fl_str *log)
{
	const struct fl_fit *f = r->f;
	double best = -1, loss = 0;
	int64_t kept = p->epochs;

	for (int64_t k = 0; k < p->epochs; k++) {
		loss = fl_pass_all_loss(&r->all, w, f->image, f->y, f->N, r->g);
		step(r, w, p->momentum, (k + 1) % ALPHA_EVERY == 0);
		if (f->M) {
			double accuracy = fl_pass_all_accuracy(&r->all, w, f->val_image, f->val_y, f->M);

			if (accuracy >= best) {
				best = accuracy;
				kept = k + 1;
				memcpy(r->best, w, r->net->P * sizeof *w);
			}
		}
	}
	if (f->M && p->epochs)
		memcpy(w, r->best, r->net->P * sizeof *w);
	fl_str_addf(log, "epoch %lld, training loss in the last ", (long long)kept);
	fl_str_addnum(log, loss);
	if (f->M) {
		fl_str_add(log, ", accuracy on the validation set ");
		fl_str_addnum(log, best);
	}
}

static int fit(const void *block, const struct fl_fit *f, const struct fl_net *net, fl_real *w,
               struct fl_str *log, struct fl_err *e)
{
	struct run r = { .f = f, .net = net };
	int rc = begin(&r, e) || put_start(&r, w, e) ? -1 : 0;

	if (!rc)
		descend(&r, block, w, log);
	fl_pass_all_release(&r.all);
	free(r.x);
	free(r.inv);
	free(r.g);
	free(r.v);
	free(r.best);
	return rc;
}

const struct fl_arch fl_arch_lpp = {
	.e = {
		.name = "lpp",
		.title = "LP++",
		.cite = "Huang et al., CVPR 2024, arXiv 2404.02285",
		.doc = "linear probe that blends with the class texts, without a search",
		.params = params,
		.psize = sizeof(struct lpp),
		.formula = "z_c = <w_c, x> + b_c + alpha_c <t_c, x>",
	},
	.json = json,
	.fit = fit,
};
