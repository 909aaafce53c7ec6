/* FedNova: updates per unit of local work, times the mean work.
 *   u = tau sum p_k u_k / a_k,  p_k = n_k / sum n_k,  tau = sum p_k a_k, or sum p_k t_k.
 * a_k is the sum of the shares with which the gradients of t_k = fl.steps steps enter u_k:
 * for plain SGD t, with momentum beta (t - beta (1 - beta^t)/(1 - beta))/(1 - beta), with a
 * proximal term (1 - (1 - lr mu)^t)/(lr mu). With both, shares change sign, and a_k is the
 * sum of their magnitudes, the paper's norm; the code that came with the paper has, step by
 * step, c = beta c + 1, a = (1 - lr mu)(a + c) + 1, which is neither. It follows from what
 * the update says of itself, fl.opt and fl.method; updates whose optimiser went on from the
 * round before (fl.opt_kept) are refused. */
#include <math.h>

#include "fed/agg/agg.h"

enum tau { NORM, STEPS };

struct params {
	double momentum, mu;
	int tau;
};

static const char *const taus[] = { "norm", "steps", NULL };

static const struct fl_param table[] = {
	{ "momentum", FL_P_REAL, offsetof(struct params, momentum), NULL, 0, 0.999999, NULL, "beta",
	  "momentum of clients whose updates lack fl.opt" },
	{ "mu", FL_P_REAL, offsetof(struct params, mu), NULL, 0, 1e6, NULL, "mu",
	  "proximal weight of clients whose updates lack fl.method" },
	{ "tau_eff", FL_P_ENUM, offsetof(struct params, tau), "norm", 0, 0, taus, "what",
	  "the mean update is worth the mean of a_k, or of the steps" },
	{ 0 }
};

/* What the update says, and where it says nothing, the rule. */
static int choose(int said, const char *key, const char *name,
                  double asked, double *v, struct fl_err *e)
{
	if (!said && isnan(asked))
		return fl_fail(e, FL_EDATA, "%s is missing; rule fednova needs it, or %s=", key,
		               name);
	if (said && !isnan(asked) && fabs(asked - *v) > 0)
		return fl_fail(e, FL_EDATA, "%s says that %s is %g, but rule fednova was given %g",
		               key, name, *v, asked);
	if (!said)
		*v = asked;
	return 0;
}

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	const struct fl_update *u = in->u;
	struct fl_how how = u->how;
	double n = (double)u->examples, a;

	if (choose(how.has_opt, "fl.opt", "momentum", p->momentum, &how.opt.momentum, e) ||
	    choose(how.has_method, "fl.method", "mu", p->mu, &how.pull, e) ||
	    (how.pull > 0 && fl_update_check(u, FL_NEED_LR, "rule fednova with mu", e)))
		return -1;
	out->s[0] = n;
	if (!u->steps)		/* without work, an update of zeros */
		return 0;
	if (how.pull > 0 && !(u->lr * how.pull < 1))
		return fl_fail(e, FL_EDATA, "fl.lr is %g and mu %g; rule fednova wants lr mu below 1",
		               u->lr, how.pull);
	a = fl_how_sum(&how, how.pull > 0 ? u->lr : 0, u->steps);
	if (!isfinite(a))
		return fl_fail(e, FL_EDATA, "fl.steps is %lld; with momentum and mu, rule fednova counts "
		               "%d at most", (long long)u->steps, FL_HOW_STEPS);
	out->w = n / a;
	out->s[1] = n * (p->tau == STEPS ? (double)u->steps : a);
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
		.note = "With momentum and mu, a_k is the sum of the magnitudes of the gradients' shares, "
			"the paper's norm. tau_eff=steps has sum p_k t_k before the second sum, as the "
			"code of the paper where mu is above 0.",
	},
	.fold = {
		.needs = FL_NEED_STEPS | FL_NEED_HOW,
		.fold = fold,
		.finish = finish,
	},
};
