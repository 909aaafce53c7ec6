/* The least mean loss that the local set allows, as a solver finds it from the received
 * model: @fact/optimum, an F64 number. Exact where the loss is convex in the weights.
 * Weights that the architecture or the method freezes stay as they are. */
#include <math.h>
#include <string.h>

#include "fed/client/measure.h"
#include "optim/lbfgs.h"

struct params {
	int64_t iterations;
	double tolerance;
};

static const struct fl_param table[] = {
	{ "iterations", FL_P_INT, offsetof(struct params, iterations), "100", 1, 1e6, NULL, "n",
	  "steps of L-BFGS, at most" },
	{ "tolerance", FL_P_REAL, offsetof(struct params, tolerance), "1e-5", 0, 1e6, NULL, "g",
	  "done when no number of the gradient is larger" },
	{ 0 }
};

struct ctx {
	struct fl_local *l;
	fl_real *w, *g;		/* (P) */
	struct fl_err err;	/* of a point that could not be looked at */
};

static int is_free(const struct fl_local *l, size_t i)
{
	return l->net->param[i].kind == FL_TRAINED && (!l->role || l->role[i] != FL_ROLE_FROZEN);
}

/* Of running statistics, frozen weights and gaps between tensors the slope is 0. */
static double value(void *ctx, const double *x, double *g)
{
	struct ctx *c = ctx;
	const struct fl_net *net = c->l->net;
	double loss;

	for (size_t i = 0; i < net->P; i++)
		c->w[i] = (fl_real)x[i];
	if (fl_local_measure(c->l, c->w, 0, &loss, c->g, &c->err))
		return NAN;
	memset(g, 0, net->P * sizeof *g);
	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *q = &net->param[i];

		for (size_t j = q->off; is_free(c->l, i) && j < q->off + q->n; j++)
			g[j] = (double)c->g[j];
	}
	return loss;
}

static int run(const void *pp, struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct params *p = pp;
	struct fl_mark m = fl_arena_mark(l->arena);
	struct ctx c = { .l = l, .w = fl_local_vec(l, e), .g = fl_local_vec(l, e) };
	double *x = fl_arena_get(l->arena, l->net->P, sizeof *x, e);
	struct fl_lbfgs o = { .n = l->net->P, .iterations = (int)p->iterations,
	                      .tolerance = p->tolerance, .value = value, .ctx = &c };
	struct fl_tensor *t = fl_fact_add(update, "optimum", FL_F64, 0, NULL, e);
	int rc = -1;

	if (c.w && c.g && x && t) {
		for (size_t i = 0; i < l->net->P; i++)
			x[i] = (double)l->w0[i];
		rc = fl_lbfgs_run(&o, x, e);
		*(double *)t->data = o.f;
	}
	if (!rc && c.err.code && c.err.code != FL_ENUM) {
		*e = c.err;
		rc = -1;
	}
	fl_arena_rewind(l->arena, m);
	return rc;
}

const struct fl_measure fl_measure_optimum = {
	.e = {
		.name = "optimum",
		.title = "@fact/optimum",
		.cite = "Rodio et al., INFOCOM 2023, arXiv 2301.04632",
		.doc = "the least mean loss that the local set allows",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "min over w of F_k(w), F64, by L-BFGS from the received model",
		.note = "Costs a pass over the local set a step. It does not change from round to "
			"round where the loss is convex: once is enough for a rule that keeps it.",
	},
	.run = run,
};
