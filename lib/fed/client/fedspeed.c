/* FedSpeed: a proximal term, its correction from the rounds before, and a gradient
 * mixed with that uphill (which SAM would take):
 *   g = (1 - alpha) grad F_k(w) + alpha grad F_k(w + rho grad F_k(w)/|...|);
 *   w -= lr (g + lambda (w - w0 + h_k)),  h_k += w - w0 after training.
 * With rho = 0 these are FedDyn's steps; the server's half is the server feddyn. */
#include "fed/client/client.h"
#include "kernel/vmath.h"

static const char prefix[] = "@fedspeed/h/";

struct fedspeed {
	double lambda, rho, alpha;
};

static const struct fl_param params[] = {
	{ "lambda", FL_P_REAL, offsetof(struct fedspeed, lambda), "0.1", 0, 1e6, NULL, "lambda",
	  "weight of the proximal term and its correction" },
	{ "rho", FL_P_REAL, offsetof(struct fedspeed, rho), "0.1", 0, 1e6, NULL, "rho",
	  "how far uphill a gradient is taken" },
	{ "alpha", FL_P_REAL, offsetof(struct fedspeed, alpha), "1", 0, 1, NULL, "alpha",
	  "share of the gradient uphill" },
	{ 0 }
};

struct vecs {
	fl_real *h, *up, *at;	/* (P) correction, gradient uphill, where it is taken */
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct vecs *v = fl_arena_get(l->arena, 1, sizeof *v, e);

	if (!v || !(v->up = fl_local_vec(l, e)) || !(v->at = fl_local_vec(l, e)))
		return -1;
	if (!(v->h = fl_local_import(l, l->old, prefix, e)))
		return fl_fail_in(e, "state");
	l->priv = v;
	return 0;
}

static double batch(struct fl_local *l, const fl_real *w, fl_real *g)
{
	const struct fedspeed *p = l->p;
	struct vecs *v = l->priv;
	double loss = fl_local_ascent(l, p->rho, w, v->at, g);
	fl_real a = (fl_real)p->alpha, keep = (fl_real)(1 - p->alpha);

	fl_local_gradient(l, v->at, v->up);
	for (size_t i = 0; i < l->net->P; i++)
		g[i] = keep * g[i] + a * v->up[i];
	return loss;
}

static double pull(const void *p)
{
	return ((const struct fedspeed *)p)->lambda;
}

static void grad(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct fedspeed *p = l->p;
	const struct vecs *v = l->priv;

	fl_local_pull(l, p->lambda, begin, end, w, g);
	fl_vblend((float)p->lambda, v->h + begin, 1, g, end - begin);
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	struct vecs *v = l->priv;

	(void)update;
	for (size_t i = 0; i < l->net->P; i++)
		v->h[i] += l->w[i] - l->w0[i];
	return fl_local_export(l, v->h, prefix, l->state, e);
}

const struct fl_method fl_method_fedspeed = {
	.e = {
		.name = "fedspeed",
		.title = "FedSpeed",
		.cite = "Sun et al., ICLR 2023, arXiv 2302.10429",
		.doc = "corrected proximal term and sharpness-aware steps; server feddyn",
		.params = params,
		.psize = sizeof(struct fedspeed),
		.formula = "g = (1 - alpha) grad F_k(w) + alpha grad F_k(w + rho g1/|g1|); "
			   "w -= lr (g + lambda (w - w0 + h_k)); h_k += w - w0",
	},
	.flags = FL_METHOD_STATE,
	.begin = begin,
	.batch = batch,
	.pull = pull,
	.grad = grad,
	.end = end,
};
