/* HetLoRA's client: it computes with a rank of its own and trains that much,
 *   A_k = the first r_k rows of lora_A,  B_k = the first r_k columns of lora_B,
 *   F_k + lambda |B_k[:, t:]| |A_k[t:, :]|,  t = floor(gamma r_k), one at least,
 * norms of the last ranks by Frobenius, summed over adapters. Where that sum is smaller
 * after training than it was of the adapters received, the rank becomes t, for later rounds
 * too, and what is beyond is not sent. Beyond the rank the server gets zeros, so that its
 * mean is over padded adapters; rule hetlora weighs them as the paper does. With rest=keep
 * a client computes with the whole adapter and leaves alone what is beyond its rank.
 * With gamma 1 nothing is pruned and no state is kept.
 * Cho et al., "Heterogeneous LoRA for federated fine-tuning of on-device foundation
 * models", EMNLP 2024, arXiv 2401.06432. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "fed/client/client.h"

static const char rank_name[] = "@hetlora/rank";

enum rest { ZERO, KEEP };

struct hetlora {
	int64_t rank;
	double gamma, lambda;
	int rest;
};

static const char *const rests[] = { "zero", "keep", NULL };

static const struct fl_param params[] = {
	{ "rank", FL_P_INT, offsetof(struct hetlora, rank), "4", 1, 1 << 16, NULL, "n",
	  "rank that this client trains, to begin with" },
	{ "gamma", FL_P_REAL, offsetof(struct hetlora, gamma), "1", 0, 1, NULL, "gamma",
	  "part of its rank that pruning leaves; 1: none is pruned" },
	{ "lambda", FL_P_REAL, offsetof(struct hetlora, lambda), "0.01", 0, 1e6, NULL, "lambda",
	  "weight of the norm of the ranks that may be pruned" },
	{ "rest", FL_P_ENUM, offsetof(struct hetlora, rest), "zero", 0, 0, rests, "what",
	  "beyond the rank there is nothing, or what was received, left alone" },
	{ 0 }
};

/* A lora_A or lora_B among the weights. Held, A is (I,R) and B is (R,O), the record's
 * transposed: element j is of rank j / by % R. */
struct side {
	size_t off, n, by, R;
};

struct adapters {
	struct side *side;	/* (n, 2) A and B */
	size_t n;
	size_t most;		/* the largest R */
	size_t rank, tail;	/* ranks [tail,rank) may be pruned */
	double before;		/* the penalty, unweighted, of the adapters as received */
};

static int ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* The lora_B of the same layer as the lora_A q. */
static const struct fl_net_param *partner(const struct fl_net *net, const struct fl_net_param *q)
{
	size_t n = strlen(q->name) - 1;

	for (size_t i = 0; i < net->nparam; i++)
		if (!strncmp(net->param[i].name, q->name, n) && !strcmp(net->param[i].name + n, "B"))
			return &net->param[i];
	return NULL;
}

static int find_adapters(struct fl_local *l, struct adapters *s, struct fl_err *e)
{
	const struct fl_net *net = l->net;

	if (!(s->side = fl_arena_get(l->arena, 2 * net->nparam, sizeof *s->side, e)))
		return -1;
	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *A = &net->param[i], *B;

		if (!ends_with(A->name, ".lora_A") || !(B = partner(net, A)))
			continue;
		s->side[2 * s->n] = (struct side){ A->off, A->n, 1, A->dim[0] };
		s->side[2 * s->n++ + 1] = (struct side){ B->off, B->n, B->dim[0], A->dim[0] };
		s->most = A->dim[0] > s->most ? A->dim[0] : s->most;
	}
	return s->n ? 0 : fl_fail(e, FL_EDATA, "the model has no tensor lora_A; method hetlora trains "
	                          "these");
}

static void set_rank(struct adapters *s, double gamma, int64_t rank)
{
	s->rank = (size_t)rank < s->most ? (size_t)rank : s->most;
	s->tail = fl_num_part(gamma, s->rank);
	s->tail += !s->tail;
}

/* The rank that this client has come to. */
static int read_rank(struct fl_local *l, struct adapters *s, struct fl_err *e)
{
	const struct hetlora *p = l->p;
	const struct fl_tensor *t = p->gamma < 1 ? fl_tset_find(l->old, rank_name) : NULL;
	int64_t rank = p->rank;

	if (t && (t->dtype != FL_I64 || t->n != 1 || *(const int64_t *)t->data < 1))
		return fl_fail(e, FL_EDATA, "state: tensor '%s' is not a rank", rank_name);
	if (t && *(const int64_t *)t->data < rank)
		rank = *(const int64_t *)t->data;
	set_rank(s, p->gamma, rank);
	return 0;
}

static size_t rank_of(const struct side *s, size_t j)
{
	return j / s->by % s->R;
}

/* |.| of ranks [tail,rank) of a side. */
static double tail_norm(const struct adapters *s, const struct side *t, const fl_real *w)
{
	double sum = 0;

	for (size_t j = 0; j < t->n; j++)
		if (rank_of(t, j) >= s->tail && rank_of(t, j) < s->rank)
			sum += (double)w[t->off + j] * (double)w[t->off + j];
	return sqrt(sum);
}

static double penalty(const struct adapters *s, const fl_real *w)
{
	double sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += tail_norm(s, &s->side[2 * i], w) * tail_norm(s, &s->side[2 * i + 1], w);
	return sum;
}

/* What is beyond the rank is nothing, or as it was. */
static void cut(const struct fl_local *l, const struct adapters *s)
{
	int keep = ((const struct hetlora *)l->p)->rest == KEEP;

	for (size_t i = 0; i < 2 * s->n; i++) {
		const struct side *t = &s->side[i];

		for (size_t j = 0; j < t->n; j++)
			if (rank_of(t, j) >= s->rank)
				l->w[t->off + j] = keep ? l->w0[t->off + j] : 0;
	}
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct adapters *s = fl_arena_zero(l->arena, 1, sizeof *s, e);

	if (!(l->priv = s) || find_adapters(l, s, e) || read_rank(l, s, e))
		return -1;
	s->before = penalty(s, l->w0);
	cut(l, s);
	return 0;
}

/* Adds c w to the gradient of ranks [tail,rank) of a side, and takes it from those beyond. */
static void add_side(const struct adapters *s, const struct side *t, double c, const fl_real *w,
                     fl_real *g)
{
	for (size_t j = t->off; j < t->off + t->n; j++) {
		size_t r = rank_of(t, j - t->off);

		if (r >= s->rank)
			g[j] = 0;
		else if (r >= s->tail)
			g[j] += (fl_real)c * w[j];
	}
}

/* d |A||B| / dA = |B| A/|A|; none where either is 0. */
static void mix(struct fl_local *l, size_t begin_, size_t end, const fl_real *w, fl_real *g)
{
	const struct adapters *s = l->priv;
	double lambda = ((const struct hetlora *)l->p)->lambda;

	(void)begin_;
	(void)end;
	for (size_t i = 0; i < s->n; i++) {
		const struct side *A = &s->side[2 * i], *B = A + 1;
		double a = s->tail < s->rank ? tail_norm(s, A, w) : 0;
		double b = a > 0 ? tail_norm(s, B, w) : 0;
		int both = b > 0;

		add_side(s, A, both ? lambda * b / a : 0, w, g);
		add_side(s, B, both ? lambda * a / b : 0, w, g);
	}
}

/* Weight decay and an optimiser's memory move weights without a gradient, too. */
static int train(struct fl_local *l, struct fl_err *e)
{
	const struct hetlora *p = l->p;
	struct fl_phase ph = fl_local_phase(l);
	struct adapters *s = l->priv;

	if (fl_local_run(l, &ph, e))
		return -1;
	l->steps = ph.taken;
	if (s->tail < s->rank && penalty(s, l->w) < s->before)
		set_rank(s, p->gamma, (int64_t)s->tail);
	cut(l, s);
	return 0;
}

static int keeps(const void *p)
{
	return ((const struct hetlora *)p)->gamma < 1;
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct adapters *s = l->priv;
	struct fl_tensor *t;

	(void)update;
	if (!keeps(l->p))
		return 0;
	if (!(t = fl_tset_add(l->state, rank_name, FL_I64, 0, NULL, NULL, e)))
		return -1;
	*(int64_t *)t->data = (int64_t)s->rank;
	return 0;
}

const struct fl_method fl_method_hetlora = {
	.e = {
		.name = "hetlora",
		.title = "HetLoRA",
		.cite = "Cho et al., EMNLP 2024, arXiv 2401.06432",
		.doc = "low-rank adapters cut to a rank of the client's own, which may shrink",
		.params = params,
		.psize = sizeof(struct hetlora),
		.formula = "F_k + lambda sum |B[:, t:]| |A[t:, :]| over ranks r < rank, t = floor(gamma rank); "
			   "rank = t where the sum is below that received; zeros beyond",
		.note = "The paper's client has gamma 0.99, below 1, and keeps its rank as state; the "
			"default 1 prunes nothing and needs none. Its server is rule hetlora, which "
			"weighs by |B A|; rule mean is zero padding alone, flora combines without bias. "
			"The scale alpha/rank stays the model's. rest=keep computes with the whole "
			"adapter and trains a part of it, which is not HetLoRA.",
	},
	.flags = FL_METHOD_WHOLE,
	.keeps = keeps,
	.begin = begin,
	.on.mix = mix,
	.train = train,
	.end = end,
};
