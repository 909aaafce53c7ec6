/* FLoRA: low-rank adapters of any ranks, combined without bias.
 * Wang et al., "FLoRA: federated fine-tuning large language models with heterogeneous
 * low-rank adaptations", NeurIPS 2024, arXiv 2409.05976. The mean of products is not the
 * product of means, so what is averaged is what the adapters do, and the frozen weight
 * takes it in:
 *
 *   W  <- W + s sum_k p_k B_k A_k      exact; the rank of the sum may be sum_k r_k
 *   B  <- 0,  A <- sum_k p_k A_k       the next round's adapters begin anew
 *
 * with s = alpha/rank of the layer. A client of a smaller rank has rows of zeros in B's
 * columns beyond it (method hetlora); stacking adapters is the same sum. Tensors that
 * are not adapters' are averaged. Meant for server sgd at rate 1: others would scale
 * the step that empties B. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "fed/agg/agg.h"
#include "model/model.h"

enum weight { EXAMPLES, UNIFORM };

struct params {
	int weight;
};

static const char *const weights[] = { "examples", "uniform", NULL };

static const struct fl_param table[] = {
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0, weights, "kind",
	  "what an update counts in the mean" },
	{ 0 }
};

struct ctx {
	struct fl_whole *w;
	const struct fl_tset *model;
	double *share;			/* (K) adds up to 1 */
	struct fl_arena a;
};

/* An adapter of the model: layer and its three tensors there. */
struct adapter {
	const char *name;
	double scale;
	const struct fl_tensor *W, *A, *B;	/* (O,...), (R,...), (...,R) */
	size_t R, I, O;			/* A is (R,I), B is (O,R), W has O I numbers */
};

static double real_of(const struct fl_layer *l, const char *key)
{
	const struct fl_param *p = fl_param_find(l->entry->e.params, key);
	const char *at = (const char *)l->p + (p ? p->off : 0);

	if (!p)
		return NAN;
	return p->type == FL_P_INT ? (double)*(const int64_t *)(const void *)at :
	       *(const double *)(const void *)at;
}

static const struct fl_tensor *part(struct ctx *c, const struct fl_tset *s, const char *layer,
                                    const char *suffix, struct fl_err *e)
{
	const char *name = fl_arena_fmt(&c->a, e, "%s.%s", layer, suffix);

	return name ? fl_tset_find(s, name) : NULL;
}

/* 1: the layer is an adapter. */
static int get_adapter(struct ctx *c, const struct fl_layer *l, struct adapter *t,
                       struct fl_err *e)
{
	*t = (struct adapter){
		.name = l->name, .scale = real_of(l, "alpha") / real_of(l, "rank"),
		.W = part(c, c->model, l->name, "weight", e),
		.A = part(c, c->model, l->name, "lora_A", e),
		.B = part(c, c->model, l->name, "lora_B", e),
	};
	if (!t->W || !t->A || !t->B || !isfinite(t->scale))
		return 0;
	t->R = t->A->dim[0];
	t->I = t->A->n / t->R;
	t->O = t->B->n / t->R;
	return t->O * t->I == t->W->n;
}

/* sum_k p_k u_k of a tensor that every update has, into out's of that name. */
static float *mean(struct ctx *c, const struct fl_tensor *t, struct fl_err *e)
{
	double *sum = fl_arena_zero(&c->a, t->n, sizeof *sum, e);
	struct fl_tensor *out = sum ? fl_tset_add(&c->w->out[0], t->name, FL_F32, t->ndim, t->dim,
	                                          NULL, e) : NULL;
	float *v;

	if (!out)
		return NULL;
	for (size_t k = 0; k < c->w->K; k++) {
		const struct fl_tensor *u = fl_tset_find(c->w->update[k], t->name);

		if (!u) {
			fl_fail(e, FL_EDATA, "client %lld: tensor '%s' is missing; rule flora wants the same "
			        "tensors from every client", (long long)c->w->u[k].client, t->name);
			return NULL;
		}
		for (size_t i = 0; i < t->n; i++)
			sum[i] += c->share[k] * (double)((const float *)u->data)[i];
	}
	v = out->data;
	for (size_t i = 0; i < t->n; i++)
		v[i] = (float)sum[i];
	return v;
}

/* sum(O,I) += by (B + dB) (A + dA). */
static void add_product(const struct adapter *t, const float *dB, const float *dA, double by,
                        double *sum)
{
	const float *A = t->A->data, *B = t->B->data;

	for (size_t o = 0; o < t->O; o++)
		for (size_t r = 0; r < t->R; r++) {
			double b = by * ((double)B[o * t->R + r] + (double)dB[o * t->R + r]);

			for (size_t i = 0; b != 0 && i < t->I; i++)
				sum[o * t->I + i] += b * ((double)A[r * t->I + i] + (double)dA[r * t->I + i]);
		}
}

static int fold(struct ctx *c, const struct adapter *t, struct fl_err *e)
{
	double *sum = fl_arena_zero(&c->a, t->W->n, sizeof *sum, e);
	struct fl_tensor *W;
	float *B;

	if (!sum || !mean(c, t->A, e) || !(B = mean(c, t->B, e)))
		return -1;
	for (size_t k = 0; k < c->w->K; k++)
		add_product(t, fl_tset_find(c->w->update[k], t->B->name)->data,
		            fl_tset_find(c->w->update[k], t->A->name)->data, t->scale * c->share[k], sum);
	for (size_t i = 0; i < t->B->n; i++)
		B[i] = -((const float *)t->B->data)[i];
	if (!(W = fl_tset_add(&c->w->out[0], t->W->name, FL_F32, t->W->ndim, t->W->dim, NULL, e)))
		return -1;
	for (size_t i = 0; i < t->W->n; i++)
		((float *)W->data)[i] = (float)sum[i];
	return 0;
}

static int fold_all(struct ctx *c, const struct fl_net *net, struct fl_err *e)
{
	const struct fl_tset *first = c->w->update[0];
	size_t adapters = 0;

	for (size_t i = 0; i < net->nlayer; i++) {
		struct adapter t;
		int is = get_adapter(c, &net->layer[i], &t, e);

		if (is && fold(c, &t, e))
			return -1;
		adapters += (size_t)is;
	}
	if (!adapters)
		return fl_fail(e, FL_EDATA, "the model has no layer with lora_A and lora_B; rule flora "
		               "combines these");
	for (size_t i = 0; i < first->nt; i++)
		if (!fl_tset_find(&c->w->out[0], first->t[i].name) && !mean(c, &first->t[i], e))
			return -1;
	return 0;
}

static int whole(const void *block, struct fl_whole *w, struct fl_err *e)
{
	const struct params *p = block;
	struct ctx c = { .w = w, .model = w->model[0] };
	struct fl_net net = { .layer = NULL };
	double all = 0;
	int rc = -1;

	if ((c.share = fl_arena_get(&c.a, w->K, sizeof *c.share, e)) &&
	    !fl_model_of(&net, c.model, e)) {
		for (size_t k = 0; k < w->K; k++)
			all += c.share[k] = p->weight == UNIFORM ? 1 : (double)w->u[k].examples;
		for (size_t k = 0; k < w->K; k++)
			c.share[k] /= all;
		rc = fold_all(&c, &net, e);
	}
	fl_net_release(&net);
	fl_arena_release(&c.a);
	return rc;
}

const struct fl_rule fl_rule_flora = {
	.e = {
		.name = "flora",
		.title = "FLoRA",
		.cite = "Wang et al., NeurIPS 2024, arXiv 2409.05976",
		.doc = "low-rank adapters of any ranks, their products averaged into the weight",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "W += s sum p_k B_k A_k, B = 0, A = sum p_k A_k",
	},
	.whole = whole,
};
