/* Convolution with a low-rank adapter: weight and bias stay as they are, A and B are
 * trained, and conv2d does the rest with
 *   V(K,O) = W + (alpha/r) A(K,r) B(r,O)     each v one chain: w, then ascending r
 * which is the convolution by A to r channels, then by B to O of them pixel by pixel,
 * added to W's. The record holds lora_A (r,C/groups,kh,kw) and lora_B (O,r,1,1). */
#include <math.h>
#include <string.h>

#include "nn/conv2d.h"

struct loraconv2d {
	struct fl_conv2d conv;		/* first: conv2d reads the block */
	int64_t rank;
	double alpha;
};

static const struct fl_param params[] = {
	FL_CONV2D_PARAMS,
	{ "rank", FL_P_INT, offsetof(struct loraconv2d, rank), "4", 1, 1 << 16, NULL, "n",
	  "rank of the adapter" },
	{ "alpha", FL_P_REAL, offsetof(struct loraconv2d, alpha), "8", 0, 1e6, NULL, "x",
	  "the adapter is scaled by alpha/rank" },
	{ 0 }
};

enum { WEIGHT, BIAS };	/* A and B come last */

static unsigned a_of(const struct fl_layer *l)
{
	return l->nparam - 2;
}

static unsigned b_of(const struct fl_layer *l)
{
	return l->nparam - 1;
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	size_t R = (size_t)((const struct loraconv2d *)l->p)->rank;
	const size_t *d = l->param[WEIGHT].dim;

	if (fl_layer_conv2d.shape(l, e))
		return -1;
	for (unsigned j = 0; j < l->nparam; j++)
		l->param[j].kind = FL_FROZEN;
	l->param[l->nparam++] = (struct fl_layer_param){
		"lora_A", 4, { R, d[1], d[2], d[3] }, FL_PERM_TRANSPOSE, FL_TRAINED
	};
	l->param[l->nparam++] = (struct fl_layer_param){
		"lora_B", 4, { d[0], R, 1, 1 }, FL_PERM_TRANSPOSE, FL_TRAINED
	};
	return 0;
}

/* A as a convolution of its shape, B zero. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	const size_t *d = l->param[a_of(l)].dim;
	size_t K = d[1] * d[2] * d[3];
	double bound = 1 / sqrt((double)K);

	if (param < a_of(l))
		fl_layer_conv2d.init(l, param, r, w);
	for (size_t i = 0; i < d[0] && param == a_of(l); i++)
		for (size_t k = 0; k < K; k++)
			w[k * d[0] + i] = (fl_real)(bound * (2 * fl_rng_real(r) - 1));
}

struct dims {
	size_t K, O, R;
	fl_real scale;
};

static struct dims dims(const struct fl_layer *l)
{
	const struct loraconv2d *p = l->p;
	const size_t *d = l->param[WEIGHT].dim;

	return (struct dims){ d[1] * d[2] * d[3], d[0], (size_t)p->rank,
	                      (fl_real)(p->alpha / (double)p->rank) };
}

/* Scratch: V and the bias, the gradients of both, two (K,R), then what the products
 * and the convolution want. */
static size_t lines(size_t n)
{
	size_t line = FL_ALIGN / sizeof(fl_real);

	return (n + line - 1) / line * line;
}

static size_t vector(const struct dims *d)
{
	return lines(d->K * d->O) + lines(d->O);
}

static size_t rest(const struct dims *d)
{
	return 2 * vector(d) + 2 * lines(d->K * d->R);
}

/* v(K,O) += a(K,R) b(R,O) */
static fl_product product_v(const struct dims *d, const fl_real *a, const fl_real *b, fl_real *v)
{
	return (fl_product){ .M = d->K, .N = d->O, .K = d->R, .a = a, .lda = d->R, .b = b,
	                     .ldb = d->O, .c = v, .ldc = d->O, .start = FL_GEMM_ADD };
}

/* da(K,R) = dv(K,O) b(R,O)^T */
static fl_product product_a(const struct dims *d, const fl_real *dv, const fl_real *b, fl_real *da)
{
	return (fl_product){ .M = d->K, .N = d->R, .K = d->O, .a = dv, .lda = d->O, .b = b,
	                     .ldb = d->O, .tb = 1, .c = da, .ldc = d->R, .start = FL_GEMM_ZERO };
}

/* db(R,O) = or += a(K,R)^T dv(K,O) */
static fl_product product_b(const struct dims *d, const fl_real *a, const fl_real *dv, fl_real *db,
                            unsigned flags)
{
	return (fl_product){ .M = d->R, .N = d->O, .K = d->K, .a = a, .lda = d->R, .ta = 1,
	                     .b = dv, .ldb = d->O, .c = db, .ldc = d->O,
	                     .start = flags & FL_BACK_FIRST ? FL_GEMM_ZERO : FL_GEMM_ADD };
}

static size_t scratch_to(const struct fl_layer *l, size_t B, enum fl_conv2d_end end)
{
	struct dims d = dims(l);
	fl_real x[1] = { 0 };
	fl_product p[] = { product_v(&d, x, x, x), product_a(&d, x, x, x), product_b(&d, x, x, x, 0) };
	size_t most = fl_conv2d_run.scratch(l, B, end);

	for (size_t i = 0; i < sizeof p / sizeof *p; i++)
		if (fl_matmul_scratch(&p[i]) > most)
			most = fl_matmul_scratch(&p[i]);
	return rest(&d) + most;
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	return scratch_to(l, a->B, FL_CONV2D_BARE);
}

/* The layer as a convolution over the vector of V and bias. */
static struct fl_layer plain(const struct fl_layer *l)
{
	struct dims d = dims(l);
	struct fl_layer conv = *l;

	conv.nparam -= 2;
	conv.off[WEIGHT] = 0;
	conv.off[BIAS] = lines(d.K * d.O);
	return conv;
}

/* The pass of that convolution. V, bias and the scaled A are filled in. */
static struct fl_pass inner(const struct fl_layer *l, const struct fl_layer *conv,
                            const struct fl_pass *a)
{
	struct dims d = dims(l);
	fl_real *sa = a->scratch + 2 * vector(&d);
	struct fl_pass b = *a;
	fl_product p = product_v(&d, sa, a->w + l->off[b_of(l)], a->scratch);

	memcpy(a->scratch, a->w + l->off[WEIGHT], d.K * d.O * sizeof *a->w);
	if (conv->nparam > BIAS)
		memcpy(a->scratch + conv->off[BIAS], a->w + l->off[BIAS], d.O * sizeof *a->w);
	for (size_t i = 0; i < d.K * d.R; i++)
		sa[i] = d.scale * a->w[l->off[a_of(l)] + i];
	fl_matmul(&p, a->scratch + rest(&d));
	b.w = a->scratch;
	b.dw = a->scratch + vector(&d);
	b.scratch = a->scratch + rest(&d);
	b.flags = FL_BACK_FIRST | (a->flags & FL_BACK_INPUT);
	b.done = NULL;
	return b;
}

static void forward_to(const struct fl_layer *l, const struct fl_pass *a, enum fl_conv2d_end end)
{
	struct fl_layer conv = plain(l);
	struct fl_pass b = inner(l, &conv, a);

	fl_conv2d_run.forward(&conv, &b, end);
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	forward_to(l, a, FL_CONV2D_BARE);
}

/* dV(K,O) -> the gradients of A and B. */
static void adapter_backward(const struct fl_layer *l, const struct fl_pass *a, const fl_real *dv)
{
	struct dims d = dims(l);
	fl_real *sa = a->scratch + 2 * vector(&d), *t = sa + lines(d.K * d.R);
	fl_real *da = a->dw + l->off[a_of(l)], *room = a->scratch + rest(&d);
	fl_product p = product_a(&d, dv, a->w + l->off[b_of(l)], t);

	fl_matmul(&p, room);
	for (size_t i = 0; i < d.K * d.R; i++)
		da[i] = (a->flags & FL_BACK_FIRST ? 0 : da[i]) + d.scale * t[i];
	p = product_b(&d, sa, dv, a->dw + l->off[b_of(l)], a->flags);
	fl_matmul(&p, room);
	fl_pass_done(a, l->off[a_of(l)], d.K * d.R);
	fl_pass_done(a, l->off[b_of(l)], d.R * d.O);
}

static void backward_from(const struct fl_layer *l, const struct fl_pass *a,
                          enum fl_conv2d_end end)
{
	struct fl_layer conv = plain(l);
	struct fl_pass b = inner(l, &conv, a);
	struct dims d = dims(l);

	fl_conv2d_run.backward(&conv, &b, end);
	if (a->flags & FL_BACK_INPUT)
		return;
	if (a->flags & FL_BACK_FIRST) {
		memset(a->dw + l->off[WEIGHT], 0, d.K * d.O * sizeof *a->dw);
		if (conv.nparam > BIAS)
			memset(a->dw + l->off[BIAS], 0, d.O * sizeof *a->dw);
	}
	adapter_backward(l, a, b.dw);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	backward_from(l, a, FL_CONV2D_BARE);
}

static double madds(const struct fl_layer *l)
{
	struct dims d = dims(l);

	return fl_layer_conv2d.madds(l) + (double)d.K * (double)d.R * (double)d.O;
}

static const struct fl_convolution convolution = { scratch_to, forward_to, backward_from };

const struct fl_layer_entry fl_layer_loraconv2d = {
	.e = {
		.name = "loraconv2d",
		.title = "LoRA on a convolution",
		.cite = "Hu et al., ICLR 2022, arXiv 2106.09685; convolutions as in Hugging Face's peft",
		.doc = "frozen convolution with a trained low-rank adapter",
		.params = params,
		.psize = sizeof(struct loraconv2d),
		.formula = "V = W + alpha/r B A; y = conv2d(V, x) + b",
	},
	.conv = &convolution,
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
