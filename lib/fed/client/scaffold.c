/* SCAFFOLD with option II for the client's control variate:
 *   w -= lr (grad F_k(w) - c_k + c),  c_k+ = c_k - c + (w0 - w)/(steps lr).
 * The model brings c, the client's state c_k. The update brings
 * fraction (c_k+ - c_k), which the server adds to c after the rule's mean: with
 * equal weights and fraction = |S|/N that is the paper's c.
 *
 * (w0 - w)/(steps lr) is the mean gradient for plain SGD. With momentum beta it
 * grows to 1/(1 - beta) of it, and weight decay is part of it. */
#include "fed/client/client.h"
#include "kernel/vmath.h"

static const char prefix[] = "@scaffold/c/";

struct scaffold {
	double fraction;
};

static const struct fl_param params[] = {
	{ "fraction", FL_P_REAL, offsetof(struct scaffold, fraction), "1", 0, 1, NULL, "f",
	  "clients of a round over all clients" },
	{ 0 }
};

struct control {
	fl_real *c, *ck;	/* (P) the server's, the client's */
	fl_real *drift;		/* (P) c - ck: what each step reads */
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct control *k = fl_arena_get(l->arena, 1, sizeof *k, e);

	if (!k || !(k->c = fl_local_import_params(l, l->model, prefix, e)))
		return -1;
	if (!(k->ck = fl_local_import_params(l, l->old, prefix, e)))
		return fl_fail_in(e, "state");
	if (!(k->drift = fl_local_vec(l, e)))
		return -1;
	fl_vpull(1, k->c, k->ck, k->drift, l->net->P);
	l->priv = k;
	return 0;
}

static void grad(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct control *k = l->priv;

	(void)w;
	fl_vblend(1, k->drift + begin, 1, g, end - begin);
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct scaffold *p = l->p;
	const struct control *k = l->priv;
	double moved = (double)l->steps * l->facts.lr;

	/* c becomes the increment. Where nothing moved there is nothing to learn
	 * from: c_k stays. */
	for (size_t i = 0; i < l->net->P; i++) {
		double d = moved > 0 ? ((double)l->w0[i] - (double)l->w[i]) / moved -
		                       (double)k->c[i] : 0;

		k->c[i] = (fl_real)(p->fraction * d);
		k->ck[i] = (fl_real)((double)k->ck[i] + d);
	}
	if (fl_local_export_params(l, k->ck, prefix, l->state, e))
		return -1;
	return fl_local_export_params(l, k->c, prefix, update, e);
}

const struct fl_method fl_method_scaffold = {
	.e = {
		.name = "scaffold",
		.title = "SCAFFOLD",
		.cite = "Karimireddy et al., ICML 2020, arXiv 1910.06378",
		.doc = "control variates correct the drift of local training",
		.params = params,
		.psize = sizeof(struct scaffold),
		.formula = "w -= lr (grad F_k(w) - c_k + c); c_k+ = c_k - c + (w0 - w)/(steps lr)",
		.note = "Option II of the paper, with its c where fraction is the share of clients in a "
			"round and the rule is mean:weight=uniform. (w0 - w)/(steps lr) is the mean "
			"gradient for plain SGD; with momentum beta it grows to 1/(1 - beta) of it, and "
			"weight decay is part of it.",
	},
	.flags = FL_METHOD_STATE,
	.begin = begin,
	.on.grad = grad,
	.end = end,
};
