/* Scores of classes: sums of sorted probabilities, and the draw that breaks their ties. */
#include "nn/conformal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/num.h"
#include "nn/act.h"

const char *const fl_conformal_name[] = { "lac", "aps", "raps", NULL };

static const struct fl_param params[] = { FL_CONFORMAL_PARAMS, { 0 } };

/* Probabilities p(C) of outputs z, in double. */
static void probabilities(const float *z, double *p, size_t C)
{
	double max = (double)z[0], sum = 0;

	for (size_t c = 1; c < C; c++)
		max = (double)z[c] > max ? (double)z[c] : max;
	for (size_t c = 0; c < C; c++)
		sum += p[c] = fl_exp((double)z[c] - max);
	for (size_t c = 0; c < C; c++)
		p[c] /= sum;
}

/* Sorts order(C) by descending p, then class: a heap, for qsort knows no context. */
static void sink(const double *p, uint32_t *v, size_t i, size_t n)
{
	for (size_t k; (k = 2 * i + 1) < n; i = k) {
		uint32_t t;

		if (k + 1 < n && (p[v[k + 1]] < p[v[k]] || (p[v[k + 1]] == p[v[k]] && v[k + 1] > v[k])))
			k++;
		if (p[v[i]] < p[v[k]] || (p[v[i]] == p[v[k]] && v[i] > v[k]))
			return;
		t = v[i];
		v[i] = v[k];
		v[k] = t;
	}
}

static void sort(const double *p, uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (uint32_t)i;
	for (size_t i = n / 2; i-- > 0;)
		sink(p, v, i, n);
	while (n-- > 1) {
		uint32_t t = v[0];

		v[0] = v[n];
		v[n] = t;
		sink(p, v, 0, n);
	}
}

void fl_conformal_scores(const struct fl_conformal *p, const float *z, double u, double *score,
                         uint32_t *order, size_t C)
{
	double sum = 0;

	probabilities(z, score, C);
	if (p->score == FL_CONFORMAL_LAC) {
		for (size_t c = 0; c < C; c++)
			score[c] = 1 - score[c];
		return;
	}
	sort(score, order, C);
	for (size_t r = 0; r < C; r++) {
		double own = score[order[r]];

		sum += own;
		score[order[r]] = sum - u * own;
		if (p->score == FL_CONFORMAL_RAPS && (int64_t)r >= p->kreg)
			score[order[r]] += p->lambda * (double)((int64_t)r + 1 - p->kreg);
	}
}

double fl_conformal_u(const struct fl_conformal *p, uint64_t seed, uint64_t example)
{
	struct fl_rng r;

	if (!p->randomized)
		return 0;
	fl_rng_init(&r, seed, 0, 0, FL_RNG_METHOD, example);
	return fl_rng_real(&r);
}

const struct fl_conformal *fl_conformal_of(const struct fl_net *net, const fl_real *w, double *q)
{
	for (size_t i = net->nlayer; i-- > 0;)
		if (net->layer[i].entry == &fl_layer_conformal) {
			*q = w ? (double)w[net->layer[i].off[0]] : 0;
			return net->layer[i].p;
		}
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double fl_conformal_quantile(double level, double *score, size_t n)
{
	size_t k = n + 1 - fl_num_part(level, n + 1);

	qsort(score, n, sizeof *score, ascending);
	if (k > n)
		return (double)FL_CONFORMAL_ALL;
	return score[k < 1 ? 0 : k - 1];
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	l->nparam = 1;
	l->param[0] = (struct fl_layer_param){ .suffix = "quantile", .kind = FL_FROZEN };
	return fl_act_shape(l, e);
}

/* Before calibration a set holds every class. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	(void)l;
	(void)param;
	(void)r;
	*w = FL_CONFORMAL_ALL;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	if (a->y != a->x)
		memcpy(a->y, a->x, a->B * fl_shape_count(&l->in) * sizeof *a->y);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	a->dw[l->off[0]] = 0;
	if (a->dx && a->dx != a->dy)
		memcpy(a->dx, a->dy, a->B * fl_shape_count(&l->in) * sizeof *a->dx);
}

const struct fl_layer_entry fl_layer_conformal = {
	.e = {
		.name = "conformal",
		.title = "Conformal prediction",
		.cite = "Vovk et al. 2005; Sadinle et al., JASA 114, 2019; Romano et al., NeurIPS 2020",
		.doc = "outputs as they are, with the quantile of its sets of classes",
		.params = params,
		.psize = sizeof(struct fl_conformal),
		.formula = "{c: score_c <= quantile}",
	},
	.elementwise = 1,
	.shape = shape,
	.init = init,
	.forward = forward,
	.backward = backward,
};
