/* AdaFedAdam: fair and fast federated optimisation without tuning.
 * Ju et al., "Accelerating fair federated learning: adaptive federated Adam",
 * IEEE TMLCN 2024. With u_k the update of client k, g_k its gradient and F_k its
 * mean loss at the received model, eta_k its learning rate:
 *
 *   I_k = F_k / F_k(theta_0)                  W_k = n_k I_k^alpha
 *   U_k = -u_k |g_k| / |u_k|                  g = sum W_k U_k / sum W_k
 *   C_k = ln(|u_k| / (|g_k| eta_k)) + 1       C = sum W_k C_k / sum W_k
 *   m = beta1^C m + (1 - beta1^C) g           c_m = c_m beta1^C
 *   v = beta2^C v + (1 - beta2^C) g^2         c_v = c_v beta2^C
 *   w = w - C lr (m / (1 - c_m)) / (sqrt(v / (1 - c_v)) + eps)
 *
 * Where the paper leaves room:
 * - F_k(theta_0) is the loss at a client's first participation, the first that
 *   is above 0: exact for clients of round 1.
 * - An update or a gradient of norm 0 has no direction: it counts as a gradient
 *   of 0 with its weight W_k, and is left out of the mean of C_k.
 * - C <= 0 (clients moved less than 1/e of one plain step) has no meaning in
 *   the formulas: C below cmin becomes cmin, with a warning.
 * - warmup = N steps the first N rounds with lr instead of C lr, and
 *   relative = off takes I_k = F_k: with 6 and off this is the authors' code. */
#include <math.h>

#include "base/fmath.h"
#include "base/log.h"
#include "fed/server/server.h"

struct params {
	double lr, beta1, beta2, eps, alpha, cmin;
	int64_t warmup;
	int relative;
};

static const struct fl_param table[] = {
	{ "lr", FL_P_REAL, offsetof(struct params, lr), "0.001", 0, 1e6, NULL, "rate",
	  "server learning rate" },
	{ "beta1", FL_P_REAL, offsetof(struct params, beta1), "0.9", 0, 0.999999, NULL, "decay",
	  "of the first moment, for certainty 1" },
	{ "beta2", FL_P_REAL, offsetof(struct params, beta2), "0.999", 0, 0.999999, NULL, "decay",
	  "of the second moment, for certainty 1" },
	{ "eps", FL_P_REAL, offsetof(struct params, eps), "1e-8", 1e-300, 1, NULL, "real",
	  "added to the root" },
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "1", 0, 100, NULL, "real",
	  "fairness; 0 weighs by examples" },
	{ "cmin", FL_P_REAL, offsetof(struct params, cmin), "0.01", 1e-6, 1, NULL, "real",
	  "floor of the certainty" },
	{ "warmup", FL_P_INT, offsetof(struct params, warmup), "0", 0, 1e9, NULL, "rounds",
	  "first rounds whose step is not scaled by the certainty" },
	{ "relative", FL_P_BOOL, offsetof(struct params, relative), "on", 0, 0, NULL, NULL,
	  "weigh by losses relative to each client's first" },
	{ 0 }
};

/* Sums over clients. */
enum { SUM_W, SUM_WC, SUM_CERTAIN };
/* Scalars of the state. */
enum { C_M, C_V, STEPS };
/* From begin() to apply(). */
enum { DECAY1, DECAY2, RATE };

static int check(const struct fl_update *u, struct fl_err *e)
{
	if (u->loss0 < 0)
		return fl_fail(e, FL_EDATA, "fl.loss0 is %g; server adafedadam wants 0 or more",
		               u->loss0);
	if (!(u->lr > 0))
		return fl_fail(e, FL_EDATA, "fl.lr is 0; server adafedadam wants more");
	return 0;
}

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	const struct fl_update *u = in->u;
	double start = in->row && in->row[0] > 0 ? in->row[0] : u->loss0, I, W;

	if (check(u, e))
		return -1;
	out->row[0] = start;
	I = !p->relative ? u->loss0 : start > 0 ? u->loss0 / start : 1;
	W = (double)u->examples * fl_pow(I, p->alpha);
	out->s[SUM_W] = W;
	if (!(u->norm > 0) || !(u->gradnorm > 0))
		return 0;
	out->w = W * (u->gradnorm / u->norm);
	out->s[SUM_WC] = W * (fl_log(u->norm / u->gradnorm / u->lr) + 1);
	out->s[SUM_CERTAIN] = W;
	return 0;
}

static int finish(const void *pp, const double s[FL_FOLD_SCALARS], double *scale, struct fl_err *e)
{
	(void)pp;
	if (!(s[SUM_W] > 0))
		return fl_fail(e, FL_ENUM, "all losses are 0: weights add up to %g", s[SUM_W]);
	*scale = 1 / s[SUM_W];
	return 0;
}

static double certainty(const struct params *p, const struct fl_server_round *r)
{
	double C = r->s[SUM_CERTAIN] > 0 ? r->s[SUM_WC] / r->s[SUM_CERTAIN] : 1;

	if (C >= p->cmin) {
		fl_say(FL_LOG_INFO, "adafedadam: certainty %g", C);
		return C;
	}
	fl_say(FL_LOG_WARN, "adafedadam: certainty %g is below cmin: %g is used", C, p->cmin);
	return p->cmin;
}

static int begin(const void *pp, struct fl_server_round *r, struct fl_err *e)
{
	const struct params *p = pp;
	double C = certainty(p, r);

	(void)e;
	if (r->first)
		r->scalar[C_M] = r->scalar[C_V] = 1;
	r->tmp[DECAY1] = fl_pow(p->beta1, C);
	r->tmp[DECAY2] = fl_pow(p->beta2, C);
	r->scalar[C_M] *= r->tmp[DECAY1];
	r->scalar[C_V] *= r->tmp[DECAY2];
	r->tmp[RATE] = r->scalar[STEPS] < (double)p->warmup ? p->lr : C * p->lr;
	r->scalar[STEPS]++;
	return 0;
}

static void apply(const void *pp, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	const struct params *p = pp;
	double a = r->tmp[DECAY1], b = r->tmp[DECAY2], rate = r->tmp[RATE];
	double cm = 1 - r->scalar[C_M], cv = 1 - r->scalar[C_V], *m = vec[0], *v = vec[1];
	size_t i;

	for (i = 0; i < n; i++) {
		m[i] = a * m[i] + (1 - a) * g[i];
		v[i] = b * v[i] + (1 - b) * (g[i] * g[i]);
		w[i] -= rate * (m[i] / cm) / (sqrt(v[i] / cv) + p->eps);
	}
}

static const struct fl_fold weighing = {
	.needs = FL_NEED_LOSS0 | FL_NEED_GRADNORM | FL_NEED_LR | FL_NEED_NORM,
	.mean = 1,
	.nrow = 1,
	.fold = fold,
	.finish = finish,
};

const struct fl_server fl_server_adafedadam = {
	.e = {
		.name = "adafedadam",
		.title = "AdaFedAdam",
		.cite = "Ju et al., IEEE TMLCN 2024, arXiv 2301.09357",
		.doc = "Adam with fair weights and a step by the clients' certainty",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "W = n I^alpha; g = mean of gradients of norm |g_k|; C = mean certainty; "
			   "Adam with decays beta^C and rate C lr",
		.note = "F_k(theta_0) is the loss at a client's first round in which it is above 0. An "
			"update or a gradient of norm 0 counts as a gradient of 0 and is left out of "
			"the mean of C_k. C below cmin becomes cmin. warmup=6,relative=off is the "
			"authors' code.",
	},
	.fold = &weighing,
	.vec = { "m", "v" },
	.scalar = { "c_m", "c_v", "steps" },
	.begin = begin,
	.apply = apply,
};
