/* The precision mean of HA-Fedformer: clients sample weights about where they end, and bring
 * the mean mu_k and what each element is to count, its inverse variance, as @mask/NAME, so
 * that a weighted mean becomes
 *   w = sum_k a_k s_k^-2 mu_k / sum_k a_k s_k^-2,
 * element by element, a_k the rule's weights. Samples are w after each step behind the
 * first `burn` of all. With temperature T > 0 steps are those of stochastic gradient
 * Langevin dynamics: sgd adds sqrt(2 lr T / n_k) xi, whose samples at T = 1 are of the
 * posterior of n_k examples; with 0 they are those of plain training. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "fed/client/client.h"

enum each { ELEMENT, TENSOR };

struct params {
	double temperature, burn, floor;
	int each;
};

static const char *const each_name[] = { "element", "tensor", NULL };

static const struct fl_param params[] = {
	{ "temperature", FL_P_REAL, offsetof(struct params, temperature), "0", 0, 1e6, NULL, "T",
	  "of the noise in each step, which is for sgd; 0: none" },
	{ "burn", FL_P_REAL, offsetof(struct params, burn), "0.5", 0, 1, NULL, "x",
	  "share of the steps before the first sample" },
	{ "each", FL_P_ENUM, offsetof(struct params, each), "element", 0, 0, each_name, "what",
	  "a variance for each element, or their mean over each tensor" },
	{ "floor", FL_P_REAL, offsetof(struct params, floor), "1e-8", 1e-12, 1e6, NULL, "x",
	  "what is added to each variance" },
	{ 0 }
};

struct samples {
	double *mean, *square;	/* (P) of those so far, and sums of squares about the mean */
	double n;
	int64_t step, steps;
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct samples *s = fl_arena_zero(l->arena, 1, sizeof *s, e);
	const struct fl_train *cfg = l->cfg;
	int64_t batches = ((int64_t)l->data->N + cfg->batch - 1) / cfg->batch;

	if (((const struct params *)l->p)->temperature > 0 && !(fl_local_lr(cfg) > 0))
		return fl_fail(e, FL_EUSAGE, "method precision: noise at a temperature wants a rate above 0");
	if (!s || !(s->mean = fl_arena_zero(l->arena, l->net->P, sizeof *s->mean, e)) ||
	    !(s->square = fl_arena_zero(l->arena, l->net->P, sizeof *s->square, e)))
		return -1;
	s->steps = cfg->steps != FL_UNSET ? cfg->steps : cfg->epochs * batches;
	l->priv = s;
	return 0;
}

static void take(struct samples *s, const fl_real *w, size_t P)
{
	s->n++;
	for (size_t i = 0; i < P; i++) {
		double d = (double)w[i] - s->mean[i];

		s->mean[i] += d / s->n;
		s->square[i] += d * ((double)w[i] - s->mean[i]);
	}
}

/* Before step s->step from 0, w being what so many steps have led to. */
static void grad(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct params *p = l->p;
	struct samples *s = l->priv;
	double sigma = sqrt(2 * p->temperature / ((double)l->data->N * fl_local_lr(l->cfg)));
	struct fl_rng r;

	if ((double)s->step > p->burn * (double)s->steps)
		take(s, w, l->net->P);
	fl_rng_init(&r, l->cfg->seed, (uint64_t)l->round, (uint64_t)l->client, FL_RNG_METHOD,
	            (uint64_t)s->step++);
	for (size_t i = begin; i < end && p->temperature > 0; i++)
		g[i - begin] += (fl_real)(sigma * fl_rng_normal(&r));
}

/* The mean of the samples, the last weights among them; running statistics stay. */
static int train(struct fl_local *l, struct fl_err *e)
{
	struct fl_phase ph = fl_local_phase(l);
	struct samples *s = l->priv;

	if (fl_local_run(l, &ph, e))
		return -1;
	take(s, l->w, l->net->P);
	for (size_t i = 0; i < l->net->nparam; i++) {
		const struct fl_net_param *q = &l->net->param[i];

		for (size_t k = q->off; k < q->off + q->n && q->kind == FL_TRAINED; k++)
			l->w[k] = (fl_real)s->mean[k];
	}
	return 0;
}

/* v(n) = precisions of the stretch of variances from square on. */
static void invert(const struct params *p, const double *square, double samples, fl_real *v,
                   size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += square[i] / samples;
	for (size_t i = 0; i < n; i++) {
		double var = p->each == TENSOR ? sum / (double)n : square[i] / samples;

		v[i] = (fl_real)(1 / (var + p->floor));
	}
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct samples *s = l->priv;
	fl_real *v = fl_local_vec(l, e);

	for (size_t i = 0; v && i < l->net->nparam; i++) {
		const struct fl_net_param *q = &l->net->param[i];

		if (q->kind == FL_TRAINED)
			invert(l->p, s->square + q->off, s->n, v + q->off, q->n);
	}
	return v ? fl_local_export_params(l, v, "@mask/", update, e) : -1;
}

const struct fl_method fl_method_precision = {
	.e = {
		.name = "precision",
		.title = "HA-Fedformer's precision mean",
		.cite = "Sun et al., arXiv 2303.15486; Langevin dynamics: Welling and Teh, ICML 2011",
		.doc = "clients bring means of sampled weights, and count by precision",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "u = mean of w_t - w, @mask/NAME = 1/(var of w_t + floor), t > burn T; "
		           "w += sum_k n_k m_k u_k / sum_k n_k m_k",
		.note = "The mean over clients is the paper's; how it samples, layer by layer, its text was not "
		        "at hand to say. Rule mean:weight=uniform weighs by precision alone.",
	},
	.flags = FL_METHOD_WHOLE,
	.begin = begin,
	.on.grad = grad,
	.train = train,
	.end = end,
};
