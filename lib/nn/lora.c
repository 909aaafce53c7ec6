/* Linear layer with a low-rank adapter: the weight and the bias stay as they
 * are, A and B are trained:
 *   t(B,r) = x A,  y(B,O) = x W + b + (alpha/r) t B       each y one chain, in this order
 * The record holds lora_A (r,I) and lora_B (O,r), as loralib does. */
#include <math.h>
#include <string.h>

#include "nn/layer.h"

struct lora {
	int64_t out, rank;
	double alpha;
	int bias, init;
};

enum { TORCH, ZERO };
static const char *const init_name[] = { "torch", "zero", NULL };

static const struct fl_param params[] = {
	{ "out", FL_P_INT, offsetof(struct lora, out), NULL, 1, 1 << 24, NULL, "n",
	  "outputs; must be given" },
	{ "rank", FL_P_INT, offsetof(struct lora, rank), "4", 1, 1 << 16, NULL, "n",
	  "rank of the adapter" },
	{ "alpha", FL_P_REAL, offsetof(struct lora, alpha), "8", 0, 1e6, NULL, "x",
	  "the adapter is scaled by alpha/rank" },
	{ "bias", FL_P_BOOL, offsetof(struct lora, bias), "on", 0, 0, NULL, NULL,
	  "whether a bias is added" },
	{ "init", FL_P_ENUM, offsetof(struct lora, init), NULL, 0, 0, init_name, "how",
	  "initial weight and bias, as torch's or zero; unset: torch" },
	{ 0 }
};

enum { WEIGHT, A, B, BIAS };

struct dims {
	size_t I, O, R;
	fl_real scale;
};

static struct dims dims(const struct fl_layer *l)
{
	const struct lora *p = l->p;

	return (struct dims){ l->in.d[0], (size_t)p->out, (size_t)p->rank,
	                      (fl_real)(p->alpha / (double)p->rank) };
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct lora *p = l->p;
	struct dims d;
	char buf[128];

	if (p->out == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "key 'out' is missing");
	if (l->in.ndim != 1)
		return fl_fail(e, FL_EUSAGE, "input is %s, not a vector; put a flatten layer before",
		               fl_shape_str(&l->in, buf, sizeof buf));
	d = dims(l);
	l->out = (struct fl_shape){ 1, { d.O } };
	l->cache = d.R;
	l->nparam = p->bias ? 4 : 3;
	l->param[WEIGHT] = (struct fl_layer_param){ "weight", 2, { d.O, d.I }, FL_PERM_TRANSPOSE, FL_FROZEN };
	l->param[A] = (struct fl_layer_param){ "lora_A", 2, { d.R, d.I }, FL_PERM_TRANSPOSE, FL_TRAINED };
	l->param[B] = (struct fl_layer_param){ "lora_B", 2, { d.O, d.R }, FL_PERM_TRANSPOSE, FL_TRAINED };
	l->param[BIAS] = (struct fl_layer_param){ "bias", 1, { d.O }, FL_PERM_NONE, FL_FROZEN };
	return 0;
}

/* As loralib: U(-1/sqrt(I), 1/sqrt(I)), B zero. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	struct dims d = dims(l);
	size_t rows = param == A ? d.R : d.O, cols = param == BIAS ? 1 : d.I;
	double bound = 1 / sqrt((double)d.I);

	if (param == B || (param != A && ((const struct lora *)l->p)->init == ZERO))
		return;
	for (size_t o = 0; o < rows; o++)
		for (size_t i = 0; i < cols; i++)
			w[i * rows + o] = (fl_real)(bound * (2 * fl_rng_real(r) - 1));
}

/* c(n,N) = or += a(n,K) b(K,N) */
static fl_product straight(const fl_real *a, const fl_real *b, fl_real *c, size_t n, size_t K,
                           size_t N, enum fl_gemm_start start)
{
	return (fl_product){ .M = n, .N = N, .K = K, .a = a, .lda = K, .b = b, .ldb = N,
	                     .c = c, .ldc = N, .start = start };
}

/* c(n,N) = or += a(n,K) b(N,K)^T */
static fl_product across(const fl_real *a, const fl_real *b, fl_real *c, size_t n, size_t K,
                         size_t N, enum fl_gemm_start start)
{
	return (fl_product){ .M = n, .N = N, .K = K, .a = a, .lda = K, .b = b, .ldb = K, .tb = 1,
	                     .c = c, .ldc = N, .start = start };
}

/* c(K,N) = or += a(n,K)^T b(n,N) */
static fl_product outer(const fl_real *a, const fl_real *b, fl_real *c, size_t n, size_t K,
                        size_t N, enum fl_gemm_start start)
{
	return (fl_product){ .M = K, .N = N, .K = n, .a = a, .lda = K, .ta = 1, .b = b, .ldb = N,
	                     .c = c, .ldc = N, .start = start };
}

/* Scratch: dt(n,R) in whole lines, then the products'. */
static size_t product_room(const struct dims *d, size_t n)
{
	size_t line = FL_ALIGN / sizeof(fl_real);

	return (n * d->R + line - 1) / line * line;
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l);
	size_t n = a->B;
	fl_real v[1] = { 0 };
	fl_product p[] = {
		straight(v, v, v, n, d.I, d.O, FL_GEMM_ZERO), straight(v, v, v, n, d.I, d.R, FL_GEMM_ZERO),
		straight(v, v, v, n, d.R, d.O, FL_GEMM_ADD), across(v, v, v, n, d.O, d.R, FL_GEMM_ZERO),
		across(v, v, v, n, d.O, d.I, FL_GEMM_ZERO), across(v, v, v, n, d.R, d.I, FL_GEMM_ADD),
		outer(v, v, v, n, d.I, d.R, FL_GEMM_ZERO), outer(v, v, v, n, d.R, d.O, FL_GEMM_ZERO),
	};
	size_t most = 0;

	for (size_t i = 0; i < sizeof p / sizeof *p; i++)
		if (fl_matmul_scratch(&p[i]) > most)
			most = fl_matmul_scratch(&p[i]);
	return product_room(&d, n) + most;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l);
	fl_real *room = a->scratch + product_room(&d, a->B);
	fl_product p = straight(a->x, a->w + l->off[A], a->cache, a->B, d.I, d.R, FL_GEMM_ZERO);

	fl_matmul(&p, room);
	for (size_t i = 0; i < a->B * d.R; i++)
		a->cache[i] *= d.scale;
	p = straight(a->x, a->w + l->off[WEIGHT], a->y, a->B, d.I, d.O, FL_GEMM_ZERO);
	if (l->nparam > BIAS) {
		p.start = FL_GEMM_BIAS;
		p.bias = a->w + l->off[BIAS];
	}
	fl_matmul(&p, room);
	p = straight(a->cache, a->w + l->off[B], a->y, a->B, d.R, d.O, FL_GEMM_ADD);
	fl_matmul(&p, room);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l);
	fl_real *dt = a->scratch, *room = dt + product_room(&d, a->B);
	enum fl_gemm_start start = a->flags & FL_BACK_FIRST ? FL_GEMM_ZERO : FL_GEMM_ADD;
	fl_product p = across(a->dy, a->w + l->off[B], dt, a->B, d.O, d.R, FL_GEMM_ZERO);

	fl_matmul(&p, room);
	for (size_t i = 0; i < a->B * d.R; i++)
		dt[i] *= d.scale;
	if (a->dx) {
		p = across(a->dy, a->w + l->off[WEIGHT], a->dx, a->B, d.O, d.I, FL_GEMM_ZERO);
		fl_matmul(&p, room);
		p = across(dt, a->w + l->off[A], a->dx, a->B, d.R, d.I, FL_GEMM_ADD);
		fl_matmul(&p, room);
	}
	if (a->flags & FL_BACK_INPUT)
		return;
	p = outer(a->x, dt, a->dw + l->off[A], a->B, d.I, d.R, start);
	fl_matmul(&p, room);
	p = outer(a->cache, a->dy, a->dw + l->off[B], a->B, d.R, d.O, start);
	fl_matmul(&p, room);
	if (a->flags & FL_BACK_FIRST) {
		memset(a->dw + l->off[WEIGHT], 0, d.I * d.O * sizeof *a->dw);
		if (l->nparam > BIAS)
			memset(a->dw + l->off[BIAS], 0, d.O * sizeof *a->dw);
	}
	fl_pass_done(a, l->off[A], d.I * d.R);
	fl_pass_done(a, l->off[B], d.R * d.O);
}

static double madds(const struct fl_layer *l)
{
	struct dims d = dims(l);

	return (double)d.I * (double)d.O + (double)d.R * ((double)d.I + (double)d.O);
}

const struct fl_layer_entry fl_layer_lora = {
	.e = {
		.name = "lora",
		.title = "LoRA",
		.cite = "Hu et al., ICLR 2022, arXiv 2106.09685",
		.doc = "frozen linear layer with a trained low-rank adapter",
		.params = params,
		.psize = sizeof(struct lora),
		.formula = "y = W x + b + alpha/r B A x",
	},
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
