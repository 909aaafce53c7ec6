/* q-FedAvg: fair resource allocation.
 * Li et al., "Fair resource allocation in federated learning", ICLR 2020,
 * algorithm 2, with L Delta = -L u_k the client's change scaled to a gradient:
 *
 *   h_k = q F_k^(q-1) |L u_k|^2 + L F_k^q
 *   u   = sum_k L F_k^q u_k / sum_k h_k
 *
 * F_k is the mean training loss at the received model. The authors' code sums
 * over clients without weights; weight=examples multiplies both sums by n_k. */
#include <math.h>

#include "base/fmath.h"
#include "fed/agg/agg.h"

/* The authors' code adds this to each loss, so that F^(q-1) exists at 0. */
#define LOSS_MIN 1e-10

enum weight { UNIFORM, EXAMPLES };

struct params {
	double q, L;
	int weight;
};

static const char *const weights[] = { "uniform", "examples", NULL };

static const struct fl_param table[] = {
	{ "q", FL_P_REAL, offsetof(struct params, q), "1", 0, 1000, NULL, "real",
	  "fairness; 0 is the mean" },
	{ "L", FL_P_REAL, offsetof(struct params, L), NULL, 1e-300, 1e300, NULL, "real",
	  "Lipschitz constant; unset: 1/fl.lr of each update" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "uniform", 0, 0, weights, "kind",
	  "what an update counts: one, or its training examples" },
	{ 0 }
};

static int lipschitz(const struct params *p, const struct fl_update *u, double *L, struct fl_err *e)
{
	*L = p->L;
	if (!isnan(p->L))
		return 0;
	if (fl_update_check(u, FL_NEED_LR, "rule qfedavg without L", e))
		return -1;
	if (!(u->lr > 0))
		return fl_fail(e, FL_EDATA, "fl.lr is 0; rule qfedavg needs L then");
	*L = 1 / u->lr;
	return 0;
}

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	const struct fl_update *u = in->u;
	double F = u->loss0 > LOSS_MIN ? u->loss0 : LOSS_MIN;
	double n = p->weight == EXAMPLES ? (double)u->examples : 1, L, Fq, change;

	if (u->loss0 < 0)
		return fl_fail(e, FL_EDATA, "fl.loss0 is %g; rule qfedavg wants 0 or more", u->loss0);
	if (lipschitz(p, u, &L, e))
		return -1;
	Fq = fl_pow(F, p->q);
	change = L * u->norm;
	out->w = n * (L * Fq);
	out->s[0] = n * (p->q * fl_pow(F, p->q - 1) * (change * change) + L * Fq);
	return 0;
}

static int finish(const void *pp, const double s[FL_FOLD_SCALARS], double *scale, struct fl_err *e)
{
	(void)pp;
	if (!(s[0] > 0))
		return fl_fail(e, FL_ENUM, "the sum of h is %g", s[0]);
	*scale = 1 / s[0];
	return 0;
}

const struct fl_rule fl_rule_qfedavg = {
	.e = {
		.name = "qfedavg",
		.title = "q-FedAvg",
		.cite = "Li et al., ICLR 2020, arXiv 1905.10497",
		.doc = "mean that favours clients with a high loss",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum_k L F_k^q u_k / sum_k (q F_k^(q-1) |L u_k|^2 + L F_k^q)",
	},
	.fold = {
		.needs = FL_NEED_LOSS0 | FL_NEED_NORM,
		.fold = fold,
		.finish = finish,
	},
};
