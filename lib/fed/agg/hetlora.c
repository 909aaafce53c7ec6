/* HetLoRA's server: adapters of any ranks, padded with zeros, weighed by what they do.
 *   s_k = |B_k A_k|, the Frobenius norm;  A = sum s_k A_k / sum s_k,  B = sum s_k B_k / sum s_k
 * over the adapters that clients send, which method hetlora has padded. Layer by layer, or
 * with the norm over all layers for each. Where nobody's adapter does anything, all count
 * alike. Tensors that are not adapters' are averaged by examples. */
#include <math.h>

#include "fed/agg/adapter.h"

enum per { LAYER, MODEL };

struct params {
	int per;
};

static const char *const pers[] = { "layer", "model", NULL };

static const struct fl_param table[] = {
	{ "per", FL_P_ENUM, offsetof(struct params, per), "layer", 0, 0, pers, "what",
	  "norms of a layer's adapter are its weights, or those of all layers" },
	{ 0 }
};

/* Gram matrix g(R,R) of rows x(R,n) as they are in the model and changed by u, or of
 * columns x(n,R): elements of a row are `step` apart, rows `row`. */
static void gram_of(const float *x, const float *u, size_t R, size_t n, size_t row, size_t step,
                    double *g)
{
	for (size_t r = 0; r < R; r++)
		for (size_t q = 0; q <= r; q++) {
			double s = 0;

			for (size_t i = 0; i < n; i++) {
				size_t a = r * row + i * step, b = q * row + i * step;

				s += ((double)x[a] + (double)u[a]) * ((double)x[b] + (double)u[b]);
			}
			g[r * R + q] = g[q * R + r] = s;
		}
}

/* scale^2 |B A|^2 of client k: the trace of (B^T B)(A A^T). */
static int sumsq(struct fl_adapters *c, const struct fl_lora *t, size_t k, double *out,
                 struct fl_err *e)
{
	struct fl_mark m = fl_arena_mark(&c->a);
	const float *dA = fl_adapters_update(c, t->A, k, e);
	const float *dB = dA ? fl_adapters_update(c, t->B, k, e) : NULL;
	double *a = dB ? fl_arena_get(&c->a, 2 * t->R * t->R, sizeof *a, e) : NULL;
	double *b = a + (a ? t->R * t->R : 0), sum = 0;

	if (!a)
		return -1;
	gram_of(t->A->data, dA, t->R, t->I, t->I, 1, a);
	gram_of(t->B->data, dB, t->R, t->O, 1, t->R, b);
	for (size_t i = 0; i < t->R * t->R; i++)
		sum += a[i] * b[i];
	*out = t->scale * t->scale * (sum > 0 ? sum : 0);
	fl_arena_rewind(&c->a, m);
	return 0;
}

/* Norms from their squares in s(K), and weights from norms. */
static void weigh(double *s, size_t K)
{
	double sum = 0;

	for (size_t k = 0; k < K; k++)
		sum += s[k] = sqrt(s[k]);
	for (size_t k = 0; k < K; k++)
		s[k] = sum > 0 ? s[k] / sum : 1 / (double)K;
}

/* Weights s(K) of adapters [i,end), together. */
static int get_weights(struct fl_adapters *c, size_t i, size_t end, double *s, struct fl_err *e)
{
	for (size_t k = 0; k < c->r->K; k++)
		s[k] = 0;
	for (; i < end; i++)
		for (size_t k = 0; k < c->r->K; k++) {
			double one;

			if (sumsq(c, &c->v[i], k, &one, e))
				return -1;
			s[k] += one;
		}
	weigh(s, c->r->K);
	return 0;
}

static int combine(struct fl_adapters *c, int per, struct fl_err *e)
{
	double *s = fl_arena_get(&c->a, c->r->K, sizeof *s, e);

	if (!s || (per == MODEL && get_weights(c, 0, c->n, s, e)))
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if ((per == LAYER && get_weights(c, i, i + 1, s, e)) ||
		    !fl_adapters_mean(c, c->v[i].A, s, e) || !fl_adapters_mean(c, c->v[i].B, s, e))
			return -1;
	return fl_adapters_rest(c, e);
}

static int whole(const void *block, const struct fl_round *r, struct fl_tset *out,
                 struct fl_err *e)
{
	struct fl_adapters c;
	int rc = fl_adapters_find(&c, r, out, "hetlora", 0, e);

	if (!rc)
		rc = combine(&c, ((const struct params *)block)->per, e);
	fl_adapters_release(&c);
	return rc;
}

const struct fl_rule fl_rule_hetlora = {
	.e = {
		.name = "hetlora",
		.title = "HetLoRA",
		.cite = "Cho et al., EMNLP 2024, arXiv 2401.06432",
		.doc = "low-rank adapters of any ranks, weighed by the norm of their product",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "A = sum s_k A_k/sum s_k, B likewise, s_k = |B_k A_k| (Frobenius)",
		.note = "With method hetlora, which truncates what a client receives and pads what it "
			"sends with zeros. The paper has one adapter; of more, each layer has weights of "
			"its own, or with per=model all have the same, from the norm over all layers. "
			"A rank that nobody at hand has becomes zero in A and B, and no gradient brings "
			"it back. Other tensors are averaged by examples.",
	},
	.whole = whole,
};
