/* Tip-Adapter: the zero-shot classifier and the votes of labelled examples. alpha and
 * beta are given, or chosen by accuracy on the validation set from the published grid
 * (200 values of beta, 20 of alpha up to a largest); nothing else is ever looked at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "kernel/vmath.h"
#include "model/fit.h"

struct tip {
	int64_t dim, classes, keys;
	double alpha, beta, top_alpha, top_beta;
	int tune;
};

static const struct fl_param params[] = {
	{ "dim", FL_P_INT, offsetof(struct tip, dim), "512", 1, 1 << 20, NULL, "n",
	  "numbers of an embedding" },
	{ "classes", FL_P_INT, offsetof(struct tip, classes), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ "keys", FL_P_INT, offsetof(struct tip, keys), "160", 1, 1 << 24, NULL, "n",
	  "labelled examples" },
	{ "alpha", FL_P_REAL, offsetof(struct tip, alpha), NULL, 0, 1e6, NULL, "x",
	  "weight of the votes; unset: 1, or chosen on the validation set" },
	{ "beta", FL_P_REAL, offsetof(struct tip, beta), NULL, 0, 1e6, NULL, "x",
	  "how near a vote must be; unset: 5.5, or chosen on the validation set" },
	{ "top_alpha", FL_P_REAL, offsetof(struct tip, top_alpha), "3", 0.1, 1e6, NULL, "x",
	  "the largest alpha tried" },
	{ "top_beta", FL_P_REAL, offsetof(struct tip, top_beta), "7", 0.1, 1e6, NULL, "x",
	  "the largest beta tried" },
	{ "tune", FL_P_BOOL, offsetof(struct tip, tune), "off", 0, 0, NULL, NULL,
	  "the keys may be trained" },
	{ 0 }
};

enum { BETAS = 200, ALPHAS = 20 };

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct tip *p = block;

	fl_str_addf(out, "{\"input\":[%lld],\"layers\":[{\"layer\":\"unit\"},"
	            "{\"layer\":\"residual\",\"name\":\"tip\",\"body\":[{\"layer\":\"keycache\","
	            "\"name\":\"cache\",\"keys\":%lld,\"out\":%lld,\"tune\":%s}],\"shortcut\":["
	            "{\"layer\":\"fixed\",\"name\":\"text\",\"out\":%lld},"
	            "{\"layer\":\"scale\",\"name\":\"scale\",\"init\":100}]}]}", (long long)p->dim,
	            (long long)p->keys, (long long)p->classes, p->tune ? "true" : "false",
	            (long long)p->classes);
	return fl_str_check(out, e);
}

static int put_numbers(const struct fl_net *net, fl_real *w, double alpha, double beta,
                       struct fl_err *e)
{
	float a = (float)alpha, b = (float)beta;

	return fl_fit_put(net, w, "tip.cache.alpha", &a, e) ||
	       fl_fit_put(net, w, "tip.cache.beta", &b, e) ? -1 : 0;
}

static int put_all(const struct fl_fit *f, const struct fl_net *net, fl_real *w, struct fl_err *e)
{
	float *label = fl_alloc(f->N, sizeof *label, e), scale = (float)f->scale;
	int rc = label ? 0 : -1;

	for (size_t i = 0; !rc && i < f->N; i++)
		label[i] = (float)f->y[i];
	rc = rc || fl_fit_put_rows(net, w, "tip.cache.keys", f->image, f->N, f->d, e) ||
	     fl_fit_put(net, w, "tip.cache.label", label, e) ||
	     fl_fit_put_rows(net, w, "tip.text.weight", f->text, f->C, f->d, e) ||
	     fl_fit_put(net, w, "tip.scale.weight", &scale, e);
	free(label);
	return rc ? -1 : 0;
}

struct search {
	float *text, *both;	/* (M,C) outputs at alpha 0, and at alpha 1 */
	double alpha, beta, accuracy;
};

/* Right answers at each alpha: outputs are linear in it. */
static void try_alphas(struct search *s, const struct fl_fit *f, const double *alpha, size_t n,
                       double beta)
{
	for (size_t a = 0; a < n; a++) {
		size_t right = 0;
		double accuracy;

		for (size_t i = 0; i < f->M; i++) {
			const float *t = s->text + i * f->C, *b = s->both + i * f->C;
			float best = -INFINITY;
			size_t at = 0;

			for (size_t c = 0; c < f->C; c++) {
				float v = t[c] + (float)alpha[a] * (b[c] - t[c]);

				if (v > best) {
					best = v;
					at = c;
				}
			}
			right += at == (size_t)f->val_y[i];
		}
		accuracy = (double)right / (double)f->M;
		if (accuracy > s->accuracy) {
			s->accuracy = accuracy;
			s->alpha = alpha[a];
			s->beta = beta;
		}
	}
}

/* Values of a grid: one where it is given. */
static size_t grid(double given, double top, size_t n, double *v)
{
	if (!isnan(given)) {
		v[0] = given;
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		v[i] = (double)i * (top - .1) / (double)n + .1;
	return n;
}

static int search(struct search *s, const struct tip *p, const struct fl_fit *f,
                  const struct fl_net *net, fl_real *w, struct fl_err *e)
{
	double alpha[ALPHAS], beta[BETAS];
	size_t na = grid(p->alpha, p->top_alpha, ALPHAS, alpha);
	size_t nb = grid(p->beta, p->top_beta, BETAS, beta);
	struct fl_pass_all all = { .g = NULL };
	int rc = fl_pass_all_init(&all, net, e);

	rc = rc || put_numbers(net, w, 0, 1, e);
	if (!rc)
		fl_pass_all_outputs(&all, w, f->val_image, f->M, s->text);
	for (size_t b = 0; !rc && b < nb; b++) {
		if ((rc = put_numbers(net, w, 1, beta[b], e)))
			break;
		fl_pass_all_outputs(&all, w, f->val_image, f->M, s->both);
		try_alphas(s, f, alpha, na, beta[b]);
	}
	fl_pass_all_release(&all);
	return rc ? -1 : 0;
}

static int fit(const void *block, const struct fl_fit *f, const struct fl_net *net, fl_real *w,
               struct fl_str *log, struct fl_err *e)
{
	const struct tip *p = block;
	struct search s = {
		.alpha = isnan(p->alpha) ? 1 : p->alpha, .beta = isnan(p->beta) ? 5.5 : p->beta,
		.accuracy = -1,
	};
	int rc = put_all(f, net, w, e);

	if (!rc && f->M) {
		s.text = fl_alloc(f->M * f->C, sizeof *s.text, e);
		s.both = fl_alloc(f->M * f->C, sizeof *s.both, e);
		rc = s.text && s.both ? search(&s, p, f, net, w, e) : -1;
		free(s.text);
		free(s.both);
	}
	fl_str_add(log, "alpha ");
	fl_str_addnum(log, s.alpha);
	fl_str_add(log, ", beta ");
	fl_str_addnum(log, s.beta);
	if (f->M) {
		fl_str_add(log, ", accuracy on the validation set ");
		fl_str_addnum(log, s.accuracy);
	}
	return rc || put_numbers(net, w, s.alpha, s.beta, e) ? -1 : 0;
}

const struct fl_arch fl_arch_tip = {
	.e = {
		.name = "tip",
		.title = "Tip-Adapter",
		.cite = "Zhang et al., ECCV 2022, arXiv 2207.09519",
		.doc = "zero-shot classifier and the votes of labelled examples",
		.params = params,
		.psize = sizeof(struct tip),
		.formula = "z = scale W_text x + alpha exp(-beta (1 - F x)) L",
	},
	.json = json,
	.fit = fit,
};
