/* MimeLite with Adam: local steps use the server's moments and leave them fixed.
 *   w -= lr ((1 - beta1) grad F_k(w) + beta1 m) / (sqrt(v) + eps)
 * The model brings m and v (server/mimeadam.c); before its first round m is 0 and v is v0. The
 * update brings grad F_k(w0), the gradient of the whole local set at the received model. */
#include <math.h>
#include <string.h>

#include "fed/client/client.h"

#define GRADIENT "@mimeadam/g/"

struct params {
	double beta1, eps, v0;
};

static const struct fl_param table[] = {
	{ "beta1", FL_P_REAL, offsetof(struct params, beta1), "0.9", 0, 1, NULL, "beta",
	  "share of the server's first moment" },
	{ "eps", FL_P_REAL, offsetof(struct params, eps), "0.001", 1e-300, 1e300, NULL, "eps",
	  "added to the root of the second moment" },
	{ "v0", FL_P_REAL, offsetof(struct params, v0), "1", 0, 1e300, NULL, "v",
	  "second moment before the server's first round, as the server has it" },
	{ 0 }
};

struct vecs {
	fl_real *m, *v, *G;	/* (P) v: what divides, sqrt(v) + eps */
};

/* A server that does not know the method adds gradients to the model. */
static int check_model(const struct fl_local *l, struct fl_err *e)
{
	for (size_t i = 0; i < l->model->nt; i++)
		if (!strncmp(l->model->t[i].name, GRADIENT, strlen(GRADIENT)))
			return fl_fail(e, FL_EDATA, "the model holds '%s': it was made without "
			               "fl-aggregate -S mimeadam, which method mimeadam goes with",
			               l->model->t[i].name);
	return 0;
}

static int has_moments(const struct fl_local *l)
{
	static const char v[] = "@mimeadam/v/";

	for (size_t i = 0; i < l->model->nt; i++)
		if (!strncmp(l->model->t[i].name, v, strlen(v)))
			return 1;
	return 0;
}

/* v, what divides: sqrt(v) + eps. A client's own tensors, of which the server knows nothing, keep
 * v0; of those that it shares either all have a moment or, before the first round, none. */
static int read_second(struct fl_local *l, fl_real *v, struct fl_err *e)
{
	const struct params *p = l->p;
	int known = has_moments(l);

	for (size_t i = 0; i < l->net->nparam; i++) {
		const struct fl_net_param *q = &l->net->param[i];
		const char *name = fl_arena_fmt(l->arena, e, "@mimeadam/v/%s", q->name);
		int there = name && known && fl_tset_find(l->model, name);

		if (!name)
			return -1;
		if (known && !there && q->kind == FL_TRAINED && (!l->role || l->role[i] == FL_ROLE_SHARED))
			return fl_fail(e, FL_EDATA, "the model holds moments, but no '%s'", name);
		for (size_t k = q->off; k < q->off + q->n; k++) {
			double x = there ? (double)v[k] : p->v0;

			if (x < 0)
				return fl_fail(e, FL_EDATA, "the model's '%s' is below 0: %g", name, x);
			v[k] = (fl_real)(sqrt(x) + p->eps);
		}
	}
	return 0;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct vecs *x = fl_arena_get(l->arena, 1, sizeof *x, e);
	double loss;

	if (!x || check_model(l, e) ||
	    !(x->m = fl_local_import_params(l, l->model, "@mimeadam/m/", e)) ||
	    !(x->v = fl_local_import_params(l, l->model, "@mimeadam/v/", e)) ||
	    !(x->G = fl_local_vec(l, e)) || read_second(l, x->v, e))
		return -1;
	l->priv = x;
	return fl_local_measure(l, l->w0, 0, &loss, x->G, e);
}

static void mix(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct params *p = l->p;
	const struct vecs *x = l->priv;

	(void)w;
	for (size_t i = begin; i < end; i++)
		g[i - begin] = (fl_real)(((1 - p->beta1) * (double)g[i - begin] +
		                          p->beta1 * (double)x->m[i]) / (double)x->v[i]);
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct vecs *x = l->priv;

	return fl_local_export_params(l, x->G, GRADIENT, update, e);
}

const struct fl_method fl_method_mimeadam = {
	.e = {
		.name = "mimeadam",
		.title = "MimeLite with Adam",
		.cite = "Karimireddy et al., NeurIPS 2021, arXiv 2008.03606",
		.doc = "local steps with the server's Adam moments held fixed",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "w -= lr ((1 - beta1) grad F_k(w) + beta1 m) / (sqrt(v) + eps)",
		.note = "Beside server mimeadam, which makes m and v of the clients' gradients.",
	},
	.begin = begin,
	.on.mix = mix,
	.end = end,
};
