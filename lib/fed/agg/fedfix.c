/* FedFix: whoever returned since the last step is added, late or not, and counts more the
 * longer it took, so that slow clients weigh over time what they would in FedAvg:
 *
 *   theta' = theta + sum_i d_i u_i,   d_i = ceil(tau_i / dt) p_i,   p_i = n_i / sum_all n
 *
 * with tau_i the time that client i needs and dt that between two steps of the server. An
 * update that was trained from the model of `age` rounds ago took age + 1 of them, which is
 * the estimate of ceil(tau_i / dt) that its record bears. Updates are differences to the model
 * that each client received (fl-aggregate --stale, --history). */
#include <math.h>

#include "fed/agg/agg.h"

enum weight { EXAMPLES, UNIFORM };

struct params {
	int weight;
	double denominator;
};

static const char *const weights[] = { "examples", "uniform", NULL };

static const struct fl_param table[] = {
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0, weights, "kind",
	  "what p_i is a share of: training examples, or clients" },
	{ "denominator", FL_P_REAL, offsetof(struct params, denominator), NULL, 1e-300, 1e300, NULL,
	  "sum", "that of all clients, here or not; unset: of the weights of those here" },
	{ 0 }
};

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	double age = (double)(in->round - in->u->round);

	(void)e;
	out->w = (age + 1) * (p->weight == UNIFORM ? 1 : (double)in->u->examples);
	out->s[0] = out->w;
	return 0;
}

static int finish(const void *pp, const double s[FL_FOLD_SCALARS], double *scale, struct fl_err *e)
{
	const struct params *p = pp;

	(void)e;
	*scale = 1 / (isnan(p->denominator) ? s[0] : p->denominator);
	return 0;
}

const struct fl_rule fl_rule_fedfix = {
	.e = {
		.name = "fedfix",
		.title = "FedFix",
		.cite = "Fraboni et al., JMLR 2023, arXiv 2206.10189",
		.doc = "mean in which late updates count more, as they come less often",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum_k (age_k + 1) n_k u_k / sum of n over all clients",
		.note = "The paper's weight is ceil(tau_k/dt); age + 1, which the updates say, is that "
			"of a client whose time is constant and who begins again as soon as it is back.",
	},
	.fold = { .mean = 1, .fold = fold, .finish = finish },
};
