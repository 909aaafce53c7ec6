/* Ditto: beside the shared model, each client trains its own v for
 *   F_k(v) + lambda/2 |v - w0|^2, w0 the received model.
 * v stays here, as the plain tensors of the client's state; it begins as the
 * model first received. The update is FedAvg's. */
#include "fed/client/client.h"

#include <string.h>

struct ditto {
	double lambda;
	int64_t epochs;
};

static const struct fl_param params[] = {
	{ "lambda", FL_P_REAL, offsetof(struct ditto, lambda), "0.1", 0, 1e6, NULL, "lambda",
	  "pull of the received model on the personal one" },
	{ "epochs", FL_P_INT, offsetof(struct ditto, epochs), NULL, 0, 1e9, NULL, "n",
	  "epochs of the personal model; not set, as for the shared one" },
	{ 0 }
};

static int train(struct fl_local *l, struct fl_err *e)
{
	const struct ditto *p = l->p;
	struct fl_phase shared = fl_local_phase(l), own = shared;
	fl_real *v = fl_local_vec(l, e);

	if (!v)
		return -1;
	memcpy(v, l->w0, l->net->P * sizeof *v);
	if (fl_net_import(l->net, l->old, "", FL_ABSENT_KEEP, v, e))
		return fl_fail_in(e, "state");
	own.w = v;
	own.pull = p->lambda;
	own.on.grad = own.on.mix = NULL;
	own.id = 1;
	if (p->epochs != FL_UNSET) {
		own.epochs = p->epochs;
		own.steps = FL_UNSET;
	}
	if (fl_local_run(l, &shared, e) || fl_local_run(l, &own, e))
		return -1;
	l->steps = shared.taken;
	l->priv = v;
	return 0;
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	(void)update;
	if (fl_meta_set(l->state, "fl.arch", l->net->arch, e))
		return -1;
	return fl_local_export(l, l->priv, "", l->state, e);
}

const struct fl_method fl_method_ditto = {
	.e = {
		.name = "ditto",
		.title = "Ditto",
		.cite = "Li et al., ICML 2021, arXiv 2012.04221",
		.doc = "a personal model, pulled towards the shared one",
		.params = params,
		.psize = sizeof(struct ditto),
		.formula = "v -= lr (grad F_k(v) + lambda (v - w0))",
	},
	.flags = FL_METHOD_STATE,
	.train = train,
	.end = end,
};
