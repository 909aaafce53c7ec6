/* TERM over clients: tilted empirical risk, (1/t) ln sum p_k e^(t F_k).
 *   u = sum n_k e^(t F_k) u_k / sum n_k e^(t F_k), F_k the loss at the received model.
 * t > 0 leans to clients with a high loss, t < 0 away from them, 0 is the mean. */
#include <math.h>

#include "base/fmath.h"
#include "fed/agg/agg.h"

struct params {
	double t;
};

static const struct fl_param table[] = {
	{ "t", FL_P_REAL, offsetof(struct params, t), "1", -1000, 1000, NULL, "t",
	  "tilt" },
	{ 0 }
};

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;

	out->w = (double)in->u->examples * fl_exp(p->t * in->u->loss0);
	out->s[0] = out->w;
	if (!isfinite(out->w))
		return fl_fail(e, FL_ENUM, "client %lld: the weight of loss %g at t=%g is beyond a double",
		               (long long)in->u->client, in->u->loss0, p->t);
	return 0;
}

const struct fl_rule fl_rule_term = {
	.e = {
		.name = "term",
		.title = "TERM",
		.cite = "Li et al., ICLR 2021, arXiv 2007.01162",
		.doc = "mean tilted towards clients with a high loss",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum_k n_k e^(t F_k) u_k / sum_k n_k e^(t F_k)",
	},
	.fold = {
		.mean = 1,
		.needs = FL_NEED_LOSS0,
		.fold = fold,
		.finish = fl_fold_mean,
	},
};
