/* FedNova: updates per unit of local work, times the mean work.
 *   u = (sum p_k a_k) sum p_k u_k / a_k,  p_k = n_k / sum n_k.
 * a_k, the sum of the shares with which the steps' gradients enter u_k, follows
 * from the number of steps t = fl.steps and what the clients trained with:
 *   plain SGD t;  momentum beta (t - beta (1 - beta^t)/(1 - beta))/(1 - beta);
 *   a proximal term (1 - (1 - lr mu)^t)/(lr mu), lr = fl.lr. */
#include "base/fmath.h"
#include "fed/agg/agg.h"

struct params {
	double momentum, mu;
};

static const struct fl_param table[] = {
	{ "momentum", FL_P_REAL, offsetof(struct params, momentum), "0", 0, 0.999999, NULL, "beta",
	  "momentum of the clients' optimiser" },
	{ "mu", FL_P_REAL, offsetof(struct params, mu), "0", 0, 1e6, NULL, "mu",
	  "weight of the clients' proximal term" },
	{ 0 }
};

/* sum over j < t of x^j */
static double series(double x, double t)
{
	return x == 1 ? t : (1 - fl_pow(x, t)) / (1 - x);
}

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	const struct fl_update *u = in->u;
	double n = (double)u->examples, t = (double)u->steps, a;

	if (p->momentum > 0 && p->mu > 0)
		return fl_fail(e, FL_EUSAGE, "rule fednova: momentum and mu exclude each other");
	if (p->mu > 0 && fl_update_check(u, FL_NEED_LR, "rule fednova with mu", e))
		return -1;
	a = p->mu > 0 ? series(1 - u->lr * p->mu, t) :
	    (t - p->momentum * series(p->momentum, t)) / (1 - p->momentum);
	out->s[0] = n;
	if (t > 0) {		/* without work, an update of zeros */
		if (!(a > 0))
			return fl_fail(e, FL_EDATA, "%g steps at fl.lr=%g count %g; rule fednova wants "
			               "lr mu below 1", t, u->lr, a);
		out->w = n / a;
		out->s[1] = n * a;
	}
	return 0;
}

static int finish(const void *pp, const double s[FL_FOLD_SCALARS], double *scale, struct fl_err *e)
{
	(void)pp;
	(void)e;
	*scale = s[1] / (s[0] * s[0]);
	return 0;
}

const struct fl_rule fl_rule_fednova = {
	.e = {
		.name = "fednova",
		.title = "FedNova",
		.cite = "Wang et al., NeurIPS 2020, arXiv 2007.07481",
		.doc = "mean of updates per local step, times the mean number of steps",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = (sum p_k a_k) sum p_k u_k/a_k; a_k = t, "
			   "sum over j <= t of (1 - beta^j)/(1 - beta), or (1 - (1 - lr mu)^t)/(lr mu)",
	},
	.fold = {
		.needs = FL_NEED_STEPS,
		.fold = fold,
		.finish = finish,
	},
};
