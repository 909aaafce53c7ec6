/* Multi-head self-attention over (T,D), as torch.nn.MultiheadAttention:
 *   [q k v] = x W_in + b_in;  in each head of D/heads columns
 *   P = softmax(q k^T / sqrt(D/heads)),  o = P v;  y = o W_out + b_out
 * Products are chains; the softmax's row sums and the backward pass's <dP, P> run
 * in double, ascending. Causal: a step sees none after it.
 *
 * Cache, each a block over the batch: qkv (B,T,3D), P (B,heads,T,T), o (B,T,D). */
#include <math.h>
#include <string.h>

#include "nn/act.h"
#include "nn/lanes.h"

struct attention {
	int64_t heads;
	int causal;
};

static const struct fl_param params[] = {
	{ "heads", FL_P_INT, offsetof(struct attention, heads), "1", 1, 1 << 16, NULL, "n",
	  "heads; must divide the width" },
	{ "causal", FL_P_BOOL, offsetof(struct attention, causal), "off", 0, 0, NULL, NULL,
	  "whether a step sees only those up to itself" },
	{ 0 }
};

enum { W_IN, B_IN, W_OUT, B_OUT };

struct dims {
	size_t B, T, D, heads, d;	/* d = D/heads */
};

static struct dims dims(const struct fl_layer *l, size_t B)
{
	size_t heads = (size_t)((const struct attention *)l->p)->heads;

	return (struct dims){ B, l->in.d[0], l->in.d[1], heads, l->in.d[1] / heads };
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	struct dims d;
	char buf[128];

	if (l->in.ndim != 2)
		return fl_fail(e, FL_EUSAGE, "input is %s, not steps x values",
		               fl_shape_str(&l->in, buf, sizeof buf));
	d = dims(l, 1);
	if (d.d * d.heads != d.D)
		return fl_fail(e, FL_EUSAGE, "%zu heads do not divide %zu", d.heads, d.D);
	if (d.T > FL_NET_MAX / d.T / d.heads || d.D > FL_NET_MAX / 4 / d.T)
		return fl_fail(e, FL_EUSAGE, "%zu steps of %zu are too many", d.T, d.D);
	l->out = l->in;
	l->cache = 4 * d.T * d.D + d.heads * d.T * d.T;
	l->nparam = 4;
	l->param[W_IN] = (struct fl_layer_param){
		"in_proj_weight", 2, { 3 * d.D, d.D }, FL_PERM_TRANSPOSE, FL_TRAINED
	};
	l->param[B_IN] = (struct fl_layer_param){ "in_proj_bias", 1, { 3 * d.D }, FL_PERM_NONE, FL_TRAINED };
	l->param[W_OUT] = (struct fl_layer_param){
		"out_proj.weight", 2, { d.D, d.D }, FL_PERM_TRANSPOSE, FL_TRAINED
	};
	l->param[B_OUT] = (struct fl_layer_param){ "out_proj.bias", 1, { d.D }, FL_PERM_NONE, FL_TRAINED };
	return 0;
}

/* torch.nn.MultiheadAttention: Glorot for W_in, U(-1/sqrt(D), 1/sqrt(D)) for
 * W_out, biases zero. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	size_t D = l->in.d[1], rows = l->param[param].dim[0];
	double bound = param == W_IN ? sqrt(1.5 / (double)D) : 1 / sqrt((double)D);

	for (size_t o = 0; o < rows && (param == W_IN || param == W_OUT); o++)
		for (size_t i = 0; i < D; i++)
			w[i * rows + o] = (fl_real)(bound * (2 * fl_rng_real(r) - 1));
}

/* --- products --- */

/* A matrix as it lies: rows ld apart. */
struct mat {
	const fl_real *v;
	size_t ld;
};

enum { NN, TN, NT };		/* which factor is stored transposed */

/* c(M,N) = a b with inner length K; bias(N) or NULL. */
static fl_product product(int kind, struct mat a, struct mat b, fl_real *c, size_t ldc, size_t M,
                          size_t N, size_t K, const fl_real *bias)
{
	return (fl_product){
		.M = M, .N = N, .K = K, .a = a.v, .lda = a.ld, .ta = kind == TN,
		.b = b.v, .ldb = b.ld, .tb = kind == NT, .c = c, .ldc = ldc,
		.start = bias ? FL_GEMM_BIAS : FL_GEMM_ZERO, .bias = bias,
	};
}

/* Places in the scratch. */
struct room {
	size_t dqkv, d_o, dp, product;
};

static struct room rooms(const struct dims *d)
{
	struct room r = { .dqkv = 0 };

	r.d_o = r.dqkv + 3 * d->B * d->T * d->D;
	r.dp = r.d_o + d->B * d->T * d->D;
	r.product = (r.dp + d->T * d->T + FL_LANES - 1) / FL_LANES * FL_LANES;
	return r;
}

/* What a head multiplies: slices of one example. */
struct head {
	struct mat q, k, v, p, o;
};

static struct head head(const struct dims *d, const fl_real *cache, size_t b, size_t h)
{
	const fl_real *qkv = cache + (b * d->T * 3) * d->D + h * d->d;
	const fl_real *p = cache + 3 * d->B * d->T * d->D;

	return (struct head){
		{ qkv, 3 * d->D }, { qkv + d->D, 3 * d->D }, { qkv + 2 * d->D, 3 * d->D },
		{ p + (b * d->heads + h) * d->T * d->T, d->T },
		{ p + d->B * d->heads * d->T * d->T + b * d->T * d->D + h * d->d, d->D },
	};
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l, a->B);
	struct mat m = { NULL, 1 };
	size_t n = d.B * d.T, most = 0;
	fl_product p[] = {
		product(NN, m, m, NULL, 1, n, 3 * d.D, d.D, NULL),
		product(NN, m, m, NULL, 1, n, d.D, d.D, NULL),
		product(NT, m, m, NULL, 1, n, d.D, d.D, NULL),
		product(NT, m, m, NULL, 1, n, d.D, 3 * d.D, NULL),
		product(TN, m, m, NULL, 1, d.D, 3 * d.D, n, NULL),
		product(NN, m, m, NULL, 1, d.T, d.d, d.T, NULL),
		product(TN, m, m, NULL, 1, d.T, d.d, d.T, NULL),
		product(NT, m, m, NULL, 1, d.T, d.T, d.d, NULL),
	};

	for (size_t i = 0; i < sizeof p / sizeof *p; i++)
		if (fl_matmul_scratch(&p[i]) > most)
			most = fl_matmul_scratch(&p[i]);
	return rooms(&d).product + most;
}

/* --- forward --- */

/* The cache is written through the same places that it is read from. */
static fl_real *writable(const struct fl_pass *a, struct mat m)
{
	return a->cache + (m.v - a->cache);
}

static void attend(const struct fl_layer *l, const struct fl_pass *a, const struct dims *d,
                   size_t b, size_t h)
{
	struct head k = head(d, a->cache, b, h);
	fl_real *p = writable(a, k.p), scale = (fl_real)(1 / sqrt((double)d->d));
	fl_real *room = a->scratch + rooms(d).product;
	int causal = ((const struct attention *)l->p)->causal;
	fl_product g = product(NT, k.q, k.k, p, d->T, d->T, d->T, d->d, NULL);

	fl_matmul(&g, room);
	for (size_t i = 0; i < d->T; i++)
		for (size_t j = 0; j < d->T; j++)
			p[i * d->T + j] = causal && j > i ? -(fl_real)INFINITY :
			                  p[i * d->T + j] * scale;
	fl_act_softmax(p, p, NULL, d->T, d->T);
	g = product(NN, k.p, k.v, writable(a, k.o), d->D, d->T, d->d, d->T, NULL);
	fl_matmul(&g, room);
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l, a->B);
	struct mat x = { a->x, d.D }, w_in = { a->w + l->off[W_IN], 3 * d.D };
	struct mat w_out = { a->w + l->off[W_OUT], d.D };
	fl_real *room = a->scratch + rooms(&d).product;
	fl_product g = product(NN, x, w_in, a->cache, 3 * d.D, d.B * d.T, 3 * d.D, d.D,
	                       a->w + l->off[B_IN]);

	fl_matmul(&g, room);
	for (size_t b = 0; b < d.B; b++)
		for (size_t h = 0; h < d.heads; h++)
			attend(l, a, &d, b, h);
	g = product(NN, head(&d, a->cache, 0, 0).o, w_out, a->y, d.D, d.B * d.T, d.D, d.D,
	            a->w + l->off[B_OUT]);
	fl_matmul(&g, room);
}

/* --- backward --- */

/* dp(T,T) -> gradient before softmax and scale: p (dp - <dp,p>) scale. */
static void through_softmax(const fl_real *p, fl_real *dp, size_t T, fl_real scale)
{
	for (size_t i = 0; i < T; i++, p += T, dp += T) {
		double sum = 0;

		for (size_t j = 0; j < T; j++)
			sum += (double)dp[j] * (double)p[j];
		for (size_t j = 0; j < T; j++)
			dp[j] = p[j] * (dp[j] - (fl_real)sum) * scale;
	}
}

/* dq, dk, dv of a head into dqkv. */
static void attend_backward(const struct fl_pass *a, const struct dims *d, size_t b, size_t h)
{
	struct head k = head(d, a->cache, b, h);
	struct room r = rooms(d);
	fl_real *dqkv = a->scratch + r.dqkv + b * d->T * 3 * d->D + h * d->d;
	fl_real *dp = a->scratch + r.dp, *room = a->scratch + r.product;
	struct mat d_o = { a->scratch + r.d_o + b * d->T * d->D + h * d->d, d->D };
	struct mat ds = { dp, d->T };
	fl_product g = product(NT, d_o, k.v, dp, d->T, d->T, d->T, d->d, NULL);

	fl_matmul(&g, room);
	g = product(TN, k.p, d_o, dqkv + 2 * d->D, 3 * d->D, d->T, d->d, d->T, NULL);
	fl_matmul(&g, room);
	through_softmax(k.p.v, dp, d->T, (fl_real)(1 / sqrt((double)d->d)));
	g = product(NN, ds, k.k, dqkv, 3 * d->D, d->T, d->d, d->T, NULL);
	fl_matmul(&g, room);
	g = product(TN, ds, k.q, dqkv + d->D, 3 * d->D, d->T, d->d, d->T, NULL);
	fl_matmul(&g, room);
}

/* dw(D,N) and db(N) of a projection, from its input v and dy(n,N). */
static void projection_gradient(const struct fl_layer *l, const struct fl_pass *a, unsigned w,
                                struct mat v, const fl_real *dy, size_t n, size_t N)
{
	struct dims d = dims(l, a->B);
	fl_real *db = a->dw + l->off[w + 1];
	fl_product g = product(TN, v, (struct mat){ dy, N }, a->dw + l->off[w], N, d.D, N, n, NULL);

	if (a->flags & FL_BACK_INPUT)
		return;
	if (a->flags & FL_BACK_FIRST)
		memset(db, 0, N * sizeof *db);
	else
		g.start = FL_GEMM_ADD;
	fl_matmul(&g, a->scratch + rooms(&d).product);
	fl_column_sums(dy, db, n, N);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l, a->B);
	struct room r = rooms(&d);
	size_t n = d.B * d.T;
	struct mat w_in = { a->w + l->off[W_IN], 3 * d.D }, w_out = { a->w + l->off[W_OUT], d.D };
	struct mat dqkv = { a->scratch + r.dqkv, 3 * d.D }, x = { a->x, d.D };
	fl_product g = product(NT, (struct mat){ a->dy, d.D }, w_out, a->scratch + r.d_o, d.D, n, d.D,
	                       d.D, NULL);

	fl_matmul(&g, a->scratch + r.product);
	for (size_t b = 0; b < d.B; b++)
		for (size_t h = 0; h < d.heads; h++)
			attend_backward(a, &d, b, h);
	projection_gradient(l, a, W_OUT, head(&d, a->cache, 0, 0).o, a->dy, n, d.D);
	projection_gradient(l, a, W_IN, x, dqkv.v, n, 3 * d.D);
	if (a->dx) {
		g = product(NT, dqkv, w_in, a->dx, d.D, n, d.D, 3 * d.D, NULL);
		fl_matmul(&g, a->scratch + r.product);
	}
	for (unsigned j = 0; j < l->nparam; j++)
		fl_pass_done(a, l->off[j], l->param[j].dim[0] * (j == W_IN || j == W_OUT ? d.D : 1));
}

static double madds(const struct fl_layer *l)
{
	struct dims d = dims(l, 1);

	return (double)d.T * (double)d.D * (4 * (double)d.D + 2 * (double)d.T);
}

const struct fl_layer_entry fl_layer_attention = {
	.e = {
		.name = "attention",
		.title = "Self-attention",
		.cite = "Vaswani et al., NeurIPS 2017, arXiv 1706.03762; torch.nn.MultiheadAttention",
		.doc = "multi-head softmax attention of a sequence to itself",
		.params = params,
		.psize = sizeof(struct attention),
		.formula = "y = W_out [softmax(q k' / sqrt(d)) v] + b_out, heads side by side",
	},
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
