/* MimeLite with momentum: local steps use the server's momentum and leave it fixed.
 *   w -= lr ((1 - beta) grad F_k(w) + beta m)
 * The model brings m, zero at first. The update brings (1 - beta)(G_k - m), G_k the
 * gradient of the whole local set at the received model, which the server adds to
 * m after the rule's mean: m' = beta m + (1 - beta) mean of G_k. */
#include "fed/client/momentum.h"
#include "kernel/vmath.h"

static const char prefix[] = "@mimelite/m/";

struct mimelite {
	double beta;
};

static const struct fl_param params[] = {
	{ "beta", FL_P_REAL, offsetof(struct mimelite, beta), "0.9", 0, 1, NULL, "beta",
	  "share of the server's momentum" },
	{ 0 }
};

struct vecs {
	fl_real *m, *G;	/* (P) */
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct vecs *v = fl_arena_get(l->arena, 1, sizeof *v, e);
	double loss;

	if (!v || !(v->m = fl_local_import_params(l, l->model, prefix, e)) ||
	    !(v->G = fl_local_vec(l, e)))
		return -1;
	l->priv = v;
	return fl_local_measure(l, l->w0, 0, &loss, v->G, e);
}

static void mix(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct mimelite *p = l->p;
	const struct vecs *v = l->priv;

	(void)w;
	fl_vblend((float)p->beta, v->m + begin, (float)(1 - p->beta), g, end - begin);
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct mimelite *p = l->p;
	const struct vecs *v = l->priv;

	return fl_momentum_export(l, p->beta, v->m, v->G, prefix, update, e);
}

const struct fl_method fl_method_mimelite = {
	.e = {
		.name = "mimelite",
		.title = "MimeLite",
		.cite = "Karimireddy et al., NeurIPS 2021, arXiv 2008.03606",
		.doc = "local steps with the server's momentum held fixed",
		.params = params,
		.psize = sizeof(struct mimelite),
		.formula = "w -= lr ((1 - beta) grad F_k(w) + beta m); "
			   "m' = beta m + (1 - beta) mean of grad F_k(w0)",
	},
	.begin = begin,
	.on.mix = mix,
	.end = end,
};
