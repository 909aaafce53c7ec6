/* LoRA at a rank of the client's own: it trains the first `rank` rows of every lora_A
 * and columns of every lora_B, and sends zeros for the others. With B = 0 at the start,
 * as rule flora leaves it, its adapter has that rank; aggregated by the mean it is the
 * zero padding of HetLoRA.
 * Cho et al., "Heterogeneous LoRA for federated fine-tuning of on-device foundation
 * models", EMNLP 2024, arXiv 2401.06432. */
#include <string.h>

#include "fed/client/client.h"

struct hetlora {
	int64_t rank;
};

static const struct fl_param params[] = {
	{ "rank", FL_P_INT, offsetof(struct hetlora, rank), "4", 1, 1 << 16, NULL, "n",
	  "rank that this client trains" },
	{ 0 }
};

static int ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* Marks what lies beyond the rank. Held, A is (I,R) and B is (R,O): the record's
 * transposed. */
static size_t mark(const struct fl_net *net, size_t rank, unsigned char *beyond)
{
	size_t adapters = 0;

	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *q = &net->param[i];
		int A = ends_with(q->name, ".lora_A"), B = ends_with(q->name, ".lora_B");

		adapters += (size_t)A;
		for (size_t j = 0; (A || B) && j < q->n; j++)
			beyond[q->off + j] = (A ? j % q->dim[0] : j / q->dim[0]) >= rank;
	}
	return adapters;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct hetlora *p = l->p;
	unsigned char *beyond = fl_arena_zero(l->arena, l->net->P, 1, e);

	if (!(l->priv = beyond))
		return -1;
	if (!mark(l->net, (size_t)p->rank, beyond))
		return fl_fail(e, FL_EDATA, "the model has no tensor lora_A; method hetlora trains these");
	return 0;
}

static void grad(struct fl_local *l, size_t begin_, size_t end, const fl_real *w, fl_real *g)
{
	const unsigned char *beyond = l->priv;

	(void)w;
	for (size_t i = begin_; i < end; i++)
		if (beyond[i])
			g[i - begin_] = 0;
}

/* Weight decay and an optimiser's memory move weights without a gradient, too. */
static int train(struct fl_local *l, struct fl_err *e)
{
	struct fl_phase ph = fl_local_phase(l);
	const unsigned char *beyond = l->priv;

	if (fl_local_run(l, &ph, e))
		return -1;
	l->steps = ph.taken;
	for (size_t i = 0; i < l->net->P; i++)
		if (beyond[i])
			l->w[i] = l->w0[i];
	return 0;
}

const struct fl_method fl_method_hetlora = {
	.e = {
		.name = "hetlora",
		.title = "LoRA at a rank of one's own",
		.cite = "Cho et al., EMNLP 2024, arXiv 2401.06432",
		.doc = "trains the first rows of low-rank adapters",
		.params = params,
		.psize = sizeof(struct hetlora),
		.formula = "A_r, B_r for r < rank; zeros for the others",
	},
	.begin = begin,
	.grad = grad,
	.train = train,
};
