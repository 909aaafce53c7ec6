/* FLoRA: low-rank adapters of any ranks, combined without bias.
 * Wang et al., "FLoRA: federated fine-tuning large language models with heterogeneous
 * low-rank adaptations", NeurIPS 2024, arXiv 2409.05976. The mean of products is not the
 * product of means, so what is averaged is what the adapters do, and the frozen weight
 * takes it in:
 *
 *   W  <- W + s sum_k p_k B_k A_k      exact; the rank of the sum may be sum_k r_k
 *   B  <- 0,  A <- sum_k p_k A_k       the next round's adapters begin anew
 *
 * with s = alpha/rank of the layer. A client of a smaller rank has zeros in B's columns and
 * A's rows beyond it (method hetlora); stacking adapters is the same sum. A row of A is the
 * mean over those who have it. Tensors that are not adapters' are averaged. Meant for server
 * sgd at rate 1: others would scale the step that empties B. */
#include <string.h>

#include "fed/agg/adapter.h"
#include "fed/share.h"

struct params {
	int weight;
};

static const struct fl_param table[] = {
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0,
	  fl_share_name, "kind",
	  "what an update counts in the mean" },
	{ 0 }
};

static int has_row(const float *A, const float *u, size_t n)
{
	size_t i = 0;

	while (i < n && !(A[i] + u[i] != 0))
		i++;
	return i < n;
}

/* Row r of sum_k p_k A_k less A, over the clients that have it: one whose rank is smaller
 * has zeros there. What nobody has stays. */
static int mean_row(struct fl_adapters *c, const struct fl_lora *t, size_t r, double *sum,
                    float *out, struct fl_err *e)
{
	const float *A = (const float *)t->A->data + r * t->I;
	size_t owners = 0;
	double share = 0;

	memset(sum, 0, t->I * sizeof *sum);
	for (size_t k = 0; k < c->r->K; k++) {
		const float *u = fl_adapters_update(c, t->A, k, e);

		if (!u)
			return -1;
		if (!has_row(A, u += r * t->I, t->I))
			continue;
		owners++;
		share += c->share[k];
		for (size_t i = 0; i < t->I; i++)
			sum[i] += c->share[k] * (double)u[i];
	}
	for (size_t i = 0; owners && i < t->I; i++)
		out[i] = (float)(owners < c->r->K ? sum[i] / share : sum[i]);
	return 0;
}

static int mean_rows(struct fl_adapters *c, const struct fl_lora *t, struct fl_err *e)
{
	double *sum = fl_arena_get(&c->a, t->I, sizeof *sum, e);
	float *out = sum ? fl_adapters_result(c, t->A, e) : NULL;

	for (size_t r = 0; out && r < t->R; r++)
		if (mean_row(c, t, r, sum, out + r * t->I, e))
			return -1;
	return out ? 0 : -1;
}

/* sum(O,I) += by (B + dB) (A + dA). */
static void add_product(const struct fl_lora *t, const float *dB, const float *dA, double by,
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

static int fold(struct fl_adapters *c, const struct fl_lora *t, struct fl_err *e)
{
	double *sum = fl_arena_zero(&c->a, t->W->n, sizeof *sum, e);
	float *W, *B;

	if (!sum || mean_rows(c, t, e) || !(B = fl_adapters_mean(c, t->B, c->share, e)))
		return -1;
	for (size_t k = 0; k < c->r->K; k++)
		add_product(t, fl_adapters_update(c, t->B, k, e), fl_adapters_update(c, t->A, k, e),
		            t->scale * c->share[k], sum);
	for (size_t i = 0; i < t->B->n; i++)
		B[i] = -((const float *)t->B->data)[i];
	if (!(W = fl_adapters_result(c, t->W, e)))
		return -1;
	for (size_t i = 0; i < t->W->n; i++)
		W[i] = (float)sum[i];
	return 0;
}

static int whole(const void *block, const struct fl_round *r, struct fl_tset *out,
                 struct fl_err *e)
{
	const struct params *p = block;
	struct fl_adapters c;
	int rc = fl_adapters_find(&c, r, out, "flora", p->weight == FL_BY_UNIFORM, e);

	for (size_t i = 0; !rc && i < c.n; i++)
		rc = fold(&c, &c.v[i], e);
	if (!rc)
		rc = fl_adapters_rest(&c, e);
	fl_adapters_release(&c);
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
		.note = "The paper stacks adapters and draws new ones for the next round; here those go on "
			"from the mean of A, row by row over the clients that have the row, with B = 0.",
	},
	.whole = whole,
};
