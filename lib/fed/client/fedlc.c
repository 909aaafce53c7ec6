/* FedLC: logits calibrated by the client's own class counts n_c while training,
 *   cross-entropy of z_c - tau n_c^(-1/4).
 * A class that the client lacks counts `absent`; the smaller, the less is its
 * weight vector pushed away. */
#include "fed/client/client.h"

#include "base/fmath.h"

struct fedlc {
	double tau, absent;
};

static const struct fl_param params[] = {
	{ "tau", FL_P_REAL, offsetof(struct fedlc, tau), "1", 0, 1e6, NULL, "tau",
	  "strength of the calibration" },
	{ "absent", FL_P_REAL, offsetof(struct fedlc, absent), "1e-8", 1e-30, 1, NULL, "n",
	  "count of a class without examples" },
	{ 0 }
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct fedlc *p = l->p;
	double *n = fl_local_counts(l, e);
	fl_real *shift = n ? fl_arena_get(l->arena, l->net->classes, sizeof *shift, e) : NULL;

	for (size_t c = 0; shift && c < l->net->classes; c++)
		shift[c] = (fl_real)(-p->tau * fl_pow(n[c] > 0 ? n[c] : p->absent, -0.25));
	return (l->priv = shift) ? 0 : -1;
}

const struct fl_method fl_method_fedlc = {
	.e = {
		.name = "fedlc",
		.title = "FedLC",
		.cite = "Zhang et al., ICML 2022, arXiv 2209.00189",
		.doc = "logits calibrated by the client's class counts",
		.params = params,
		.psize = sizeof(struct fedlc),
		.formula = "F_k = mean of CE(z_c - tau n_c^(-1/4), y)",
	},
	.begin = begin,
	.on.logits = fl_local_shift,
};
