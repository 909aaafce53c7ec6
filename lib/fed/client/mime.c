/* Mime with momentum: local steps follow the server's momentum, and each gradient is
 * corrected by what the batch says at the received model against what all clients say,
 *   w -= lr ((1 - beta) (grad F_k(w; B) - grad F_k(w0; B) + G) + beta m).
 * G, the gradient of all clients' loss at w0, comes by --with: a round of Mime talks to
 * clients twice. The update brings (1 - beta)(G - m), which the server adds to the
 * model's m: m' = beta m + (1 - beta) G. */
#include <string.h>

#include "fed/client/momentum.h"
#include "kernel/vmath.h"

static const char prefix[] = "@mime/m/";

struct mime {
	double beta;
};

static const struct fl_param params[] = {
	{ "beta", FL_P_REAL, offsetof(struct mime, beta), "0.9", 0, 1, NULL, "beta",
	  "share of the server's momentum" },
	{ 0 }
};

struct vecs {
	fl_real *m, *G, *g0;	/* (P); g0: of the batch at w0 */
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct vecs *v = fl_arena_get(l->arena, 1, sizeof *v, e);
	const struct fl_tset *with = v ? fl_local_with(l, e) : NULL;
	const char *base;

	if (!with)
		return -1;
	base = fl_meta_get(with, "fl.base");
	if (!base || !fl_base_names(base, l->room->base, l->model))
		return fl_fail(e, FL_EDATA, "--with: the gradient is at model %s, but this is %s",
		               base ? base : "(no fl.base)", l->room->base);
	if (!(v->m = fl_local_import_params(l, l->model, prefix, e)) || !(v->G = fl_local_vec(l, e)) ||
	    !(v->g0 = fl_local_vec(l, e)))
		return -1;
	l->priv = v;
	if (fl_net_import_params(l->net, with, "", FL_ABSENT_REFUSE, v->G, e))
		return fl_fail_in(e, "--with");
	return 0;
}

static double batch(struct fl_local *l, const fl_real *w, fl_real *g)
{
	const struct vecs *v = l->priv;
	double loss;

	fl_local_gradient(l, l->w0, v->g0);
	fl_local_again(l);
	loss = fl_local_gradient(l, w, g);
	for (size_t i = 0; i < l->net->P; i++)
		g[i] += v->G[i] - v->g0[i];
	return loss;
}

static void mix(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct mime *p = l->p;
	const struct vecs *v = l->priv;

	(void)w;
	fl_vblend((float)p->beta, v->m + begin, (float)(1 - p->beta), g, end - begin);
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct mime *p = l->p;
	const struct vecs *v = l->priv;

	return fl_momentum_export(l, p->beta, v->m, v->G, prefix, update, e);
}

static const struct fl_want wants[] = {
	{ FL_KIND_STATS, "gradient", 0, NULL },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

const struct fl_method fl_method_mime = {
	.e = {
		.name = "mime",
		.title = "Mime",
		.cite = "Karimireddy et al., NeurIPS 2021, arXiv 2008.03606",
		.doc = "the server's momentum, and gradients corrected by all clients' one",
		.params = params,
		.psize = sizeof(struct mime),
		.formula = "w -= lr ((1 - beta) (grad F_k(w) - grad F_k(w0) + G) + beta m); "
			   "m' = beta m + (1 - beta) G",
	},
	.with = wants,
	.begin = begin,
	.on.batch = batch,
	.on.mix = mix,
	.end = end,
};
