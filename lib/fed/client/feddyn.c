/* FedDyn: a linear term moves each client's minimum to the shared one.
 *   w -= lr (grad F_k(w) + alpha (w - w0 + h_k)),  h_k += w - w0 after training.
 * h_k is -1/alpha times the paper's gradient of the client, so it does not depend
 * on alpha. The server's half is the server of the same name, over uniform means. */
#include "fed/client/client.h"
#include "kernel/vmath.h"

static const char prefix[] = "@feddyn/h/";

struct feddyn {
	double alpha;
};

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct feddyn, alpha), "0.01", 0, 1e6, NULL, "alpha",
	  "weight of the proximal and the linear term" },
	{ 0 }
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	l->priv = fl_local_import_params(l, l->old, prefix, e);
	return l->priv ? 0 : fl_fail_in(e, "state");
}

static double pull(const void *p)
{
	return ((const struct feddyn *)p)->alpha;
}

static void grad(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct feddyn *p = l->p;
	const fl_real *h = l->priv;

	(void)w;
	fl_vblend((float)p->alpha, h + begin, 1, g, end - begin);
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	fl_real *h = l->priv;

	(void)update;
	for (size_t i = 0; i < l->net->P; i++)
		h[i] += l->w[i] - l->w0[i];
	return fl_local_export_params(l, h, prefix, l->state, e);
}

const struct fl_method fl_method_feddyn = {
	.e = {
		.name = "feddyn",
		.title = "FedDyn",
		.cite = "Acar et al., ICLR 2021, arXiv 2111.04263",
		.doc = "dynamic regularisation; wants the server feddyn",
		.params = params,
		.psize = sizeof(struct feddyn),
		.formula = "w -= lr (grad F_k(w) + alpha (w - w0 + h_k)); h_k += w - w0",
		.note = "h_k is -1/alpha times the gradient that the paper keeps, so it does not depend "
			"on alpha. Clients count alike in the paper: rule mean:weight=uniform.",
	},
	.flags = FL_METHOD_STATE,
	.begin = begin,
	.pull = pull,
	.on.grad = grad,
	.end = end,
};
