/* Long short-term memory over (T,I), from zero state: y(T,H), or the last (H).
 *   [i f g o]_t = x_t W_ih + h_t-1 W_hh + (b_ih + b_hh)    one chain each, in this order
 *   c_t = s(f) c_t-1 + s(i) tanh(g),  h_t = s(o) tanh(c_t)
 * The record holds PyTorch's (4H,I) and (4H,H); several levels of a torch.nn.LSTM
 * are layers of one name with level 0, 1, ...
 *
 * Cache, each a block over the batch: gates (B,T,4H), c and tanh c (B,T,H), and
 * h before each step (B,T,H). */
#include <math.h>
#include <string.h>

#include "nn/act.h"
#include "nn/lanes.h"

struct lstm {
	int64_t hidden, level;
	int last;
};

static const struct fl_param params[] = {
	{ "hidden", FL_P_INT, offsetof(struct lstm, hidden), NULL, 1, 1 << 20, NULL, "n",
	  "size of the state; must be given" },
	{ "level", FL_P_INT, offsetof(struct lstm, level), "0", 0, 3, NULL, "n",
	  "number in the tensors' names" },
	{ "last", FL_P_BOOL, offsetof(struct lstm, last), "off", 0, 0, NULL, NULL,
	  "whether only the last state is the output" },
	{ 0 }
};

enum { W_IH, W_HH, B_IH, B_HH };
enum { LEVELS = 4 };

static const char *const suffix[4][LEVELS] = {
	{ "weight_ih_l0", "weight_ih_l1", "weight_ih_l2", "weight_ih_l3" },
	{ "weight_hh_l0", "weight_hh_l1", "weight_hh_l2", "weight_hh_l3" },
	{ "bias_ih_l0", "bias_ih_l1", "bias_ih_l2", "bias_ih_l3" },
	{ "bias_hh_l0", "bias_hh_l1", "bias_hh_l2", "bias_hh_l3" },
};

struct dims {
	size_t B, T, I, H, G;	/* G = 4H */
};

static struct dims dims(const struct fl_layer *l, size_t B)
{
	size_t H = (size_t)((const struct lstm *)l->p)->hidden;

	return (struct dims){ B, l->in.d[0], l->in.d[1], H, 4 * H };
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct lstm *p = l->p;
	struct dims d;
	char buf[128];

	if (p->hidden == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "key 'hidden' is missing");
	if (l->in.ndim != 2)
		return fl_fail(e, FL_EUSAGE, "input is %s, not steps x values",
		               fl_shape_str(&l->in, buf, sizeof buf));
	d = dims(l, 1);
	if (d.T > FL_NET_MAX / 8 / d.H)
		return fl_fail(e, FL_EUSAGE, "%zu steps of %zu are too many", d.T, d.H);
	l->out = p->last ? (struct fl_shape){ 1, { d.H } } : (struct fl_shape){ 2, { d.T, d.H } };
	l->cache = d.T * 7 * d.H;
	l->nparam = 4;
	l->param[W_IH] = (struct fl_layer_param){
		suffix[W_IH][p->level], 2, { d.G, d.I }, FL_PERM_TRANSPOSE, FL_TRAINED
	};
	l->param[W_HH] = (struct fl_layer_param){
		suffix[W_HH][p->level], 2, { d.G, d.H }, FL_PERM_TRANSPOSE, FL_TRAINED
	};
	l->param[B_IH] = (struct fl_layer_param){ suffix[B_IH][p->level], 1, { d.G }, FL_PERM_NONE, FL_TRAINED };
	l->param[B_HH] = (struct fl_layer_param){ suffix[B_HH][p->level], 1, { d.G }, FL_PERM_NONE, FL_TRAINED };
	return 0;
}

/* torch.nn.LSTM: U(-1/sqrt(H), 1/sqrt(H)) for all. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	struct dims d = dims(l, 1);
	size_t cols = param == W_IH ? d.I : param == W_HH ? d.H : 1;
	double bound = 1 / sqrt((double)d.H);

	for (size_t o = 0; o < d.G; o++)
		for (size_t i = 0; i < cols; i++)
			w[i * d.G + o] = (fl_real)(bound * (2 * fl_rng_real(r) - 1));
}

/* --- products --- */

/* gates(B*T,4H) = bias + x W_ih */
static fl_product product_x(const struct dims *d, const fl_real *x, const fl_real *w,
                            const fl_real *bias, fl_real *gates)
{
	return (fl_product){
		.M = d->B * d->T, .N = d->G, .K = d->I, .a = x, .lda = d->I, .b = w, .ldb = d->G,
		.c = gates, .ldc = d->G, .start = FL_GEMM_BIAS, .bias = bias,
	};
}

/* gates of one step(B,4H) += h W_hh; rows of h and gates T steps apart */
static fl_product product_h(const struct dims *d, const fl_real *h, const fl_real *w,
                            fl_real *gates)
{
	return (fl_product){
		.M = d->B, .N = d->G, .K = d->H, .a = h, .lda = d->T * d->H, .b = w, .ldb = d->G,
		.c = gates, .ldc = d->T * d->G, .start = FL_GEMM_ADD,
	};
}

/* dh(B,H) = dgates of one step W_hh^T, which is wt(4H,H) */
static fl_product product_dh(const struct dims *d, const fl_real *dgates, const fl_real *wt,
                             fl_real *dh)
{
	return (fl_product){
		.M = d->B, .N = d->H, .K = d->G, .a = dgates, .lda = d->T * d->G,
		.b = wt, .ldb = d->H, .c = dh, .ldc = d->H,
	};
}

/* dx(B*T,I) = dgates W_ih^T */
static fl_product product_dx(const struct dims *d, const fl_real *dgates, const fl_real *w,
                             fl_real *dx)
{
	return (fl_product){
		.M = d->B * d->T, .N = d->I, .K = d->G, .a = dgates, .lda = d->G,
		.b = w, .ldb = d->G, .tb = 1, .c = dx, .ldc = d->I,
	};
}

/* dw(n,4H) = or += v^T dgates, v(B*T,n) */
static fl_product product_dw(const struct dims *d, const fl_real *v, size_t n,
                             const fl_real *dgates, fl_real *dw, int first)
{
	return (fl_product){
		.M = n, .N = d->G, .K = d->B * d->T, .a = v, .lda = n, .ta = 1,
		.b = dgates, .ldb = d->G, .c = dw, .ldc = d->G,
		.start = first ? FL_GEMM_ZERO : FL_GEMM_ADD,
	};
}

/* Places in the scratch. */
struct room {
	size_t bias, dgates, dh, dc, wt, product;
};

static struct room rooms(const struct dims *d)
{
	struct room r = { .bias = 0 };

	r.dgates = r.bias + d->G;
	r.dh = r.dgates + d->B * d->T * d->G;
	r.dc = r.dh + d->B * d->H;
	r.wt = (r.dc + d->B * d->H + FL_LANES - 1) / FL_LANES * FL_LANES;
	r.product = (r.wt + d->G * d->H + FL_LANES - 1) / FL_LANES * FL_LANES;
	return r;
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l, a->B);
	fl_real v[1] = { 0 };
	fl_product p[] = {
		product_x(&d, v, v, v, v), product_h(&d, v, v, v), product_dh(&d, v, v, v),
		product_dx(&d, v, v, v), product_dw(&d, v, d.I, v, v, 1),
		product_dw(&d, v, d.H, v, v, 1),
	};
	size_t most = 0;

	for (size_t i = 0; i < sizeof p / sizeof *p; i++)
		if (fl_matmul_scratch(&p[i]) > most)
			most = fl_matmul_scratch(&p[i]);
	return rooms(&d).product + most;
}

/* --- forward --- */

/* Blocks of the cache. */
struct blocks {
	fl_real *gates, *c, *tc, *h;
};

static struct blocks blocks(const struct dims *d, fl_real *cache)
{
	size_t n = d->B * d->T * d->H;

	return (struct blocks){ cache, cache + 4 * n, cache + 5 * n, cache + 6 * n };
}

FL_BODY void remember_body(const fl_real *i, const fl_real *f, const fl_real *g, const fl_real *c0,
                           fl_real *restrict c, size_t H)
{
	for (size_t k = 0; k < H; k++)
		c[k] = i[k] * g[k];
	for (size_t k = 0; c0 && k < H; k++)
		c[k] = f[k] * c0[k] + c[k];
}

FL_BODY void show_body(const fl_real *o, const fl_real *tc, fl_real *restrict h, size_t H)
{
	for (size_t k = 0; k < H; k++)
		h[k] = o[k] * tc[k];
}

static void remember(const fl_real *i, const fl_real *f, const fl_real *g, const fl_real *c0,
                     fl_real *restrict c, size_t H);
FL_ISA_FN(remember, (const fl_real *i, const fl_real *f, const fl_real *g, const fl_real *c0,
          fl_real *restrict c, size_t H), (i, f, g, c0, c, H))

static void show(const fl_real *o, const fl_real *tc, fl_real *restrict h, size_t H);
FL_ISA_FN(show, (const fl_real *o, const fl_real *tc, fl_real *restrict h, size_t H),
          (o, tc, h, H))

/* One example's step: gates(4H) activated, then c, tanh c and h(H). c0 NULL: 0. */
static void cell(size_t H, fl_real *gates, const fl_real *c0, fl_real *c, fl_real *tc, fl_real *h)
{
	fl_act_sigmoid(gates, gates, 2 * H);
	fl_act_tanh(gates + 2 * H, gates + 2 * H, H);
	fl_act_sigmoid(gates + 3 * H, gates + 3 * H, H);
	remember(gates, gates + H, gates + 2 * H, c0, c, H);
	fl_act_tanh(c, tc, H);
	show(gates + 3 * H, tc, h, H);
}

/* Where h of a step goes: to the next step, and to y. */
static void hand_on(const struct fl_layer *l, const struct fl_pass *a, const struct dims *d,
                    const struct blocks *k, size_t b, size_t t, const fl_real *h)
{
	size_t at = b * d->T + t, bytes = d->H * sizeof *h;

	if (t + 1 < d->T)
		memcpy(k->h + (at + 1) * d->H, h, bytes);
	if (l->out.ndim == 2)
		memcpy(a->y + at * d->H, h, bytes);
	else if (t + 1 == d->T)
		memcpy(a->y + b * d->H, h, bytes);
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l, a->B);
	struct room r = rooms(&d);
	struct blocks k = blocks(&d, a->cache);
	fl_real *bias = a->scratch + r.bias, *h = a->scratch + r.dh;
	fl_product p = product_x(&d, a->x, a->w + l->off[W_IH], bias, k.gates);

	for (size_t j = 0; j < d.G; j++)
		bias[j] = a->w[l->off[B_IH] + j] + a->w[l->off[B_HH] + j];
	fl_matmul(&p, a->scratch + r.product);
	for (size_t b = 0; b < d.B; b++)
		memset(k.h + b * d.T * d.H, 0, d.H * sizeof *k.h);
	for (size_t t = 0; t < d.T; t++) {
		p = product_h(&d, k.h + t * d.H, a->w + l->off[W_HH], k.gates + t * d.G);
		if (t)
			fl_matmul(&p, a->scratch + r.product);
		for (size_t b = 0; b < d.B; b++) {
			size_t at = (b * d.T + t) * d.H;

			cell(d.H, k.gates + 4 * at, t ? k.c + at - d.H : NULL, k.c + at, k.tc + at, h);
			hand_on(l, a, &d, &k, b, t, h);
		}
	}
}

/* --- backward --- */

/* One example's step: dh(H), dc(H) in; dgates(4H) and the next dc out. */
FL_BODY void gates_backward(size_t H, const fl_real *gates, const fl_real *c0, const fl_real *tc,
                            const fl_real *dh, fl_real *dc, fl_real *dgates, const int first)
{
	const fl_real *i = gates, *f = gates + H, *g = gates + 2 * H, *o = gates + 3 * H;

#pragma GCC ivdep	/* what is written overlaps nothing */
	for (size_t k = 0; k < H; k++) {
		fl_real d = dc[k] + dh[k] * o[k] * (1 - tc[k] * tc[k]);

		dgates[k] = d * g[k] * i[k] * (1 - i[k]);
		dgates[H + k] = first ? 0 : d * c0[k] * f[k] * (1 - f[k]);
		dgates[2 * H + k] = d * i[k] * (1 - g[k] * g[k]);
		dgates[3 * H + k] = dh[k] * tc[k] * o[k] * (1 - o[k]);
		dc[k] = d * f[k];
	}
}

FL_BODY void cell_backward_body(size_t H, const fl_real *gates, const fl_real *c0,
                                const fl_real *tc, const fl_real *dh, fl_real *dc,
                                fl_real *dgates)
{
	if (c0)
		gates_backward(H, gates, c0, tc, dh, dc, dgates, 0);
	else
		gates_backward(H, gates, c0, tc, dh, dc, dgates, 1);
}

static void cell_backward(size_t H, const fl_real *gates, const fl_real *c0, const fl_real *tc,
                          const fl_real *dh, fl_real *dc, fl_real *dgates);
FL_ISA_FN(cell_backward, (size_t H, const fl_real *gates, const fl_real *c0, const fl_real *tc,
          const fl_real *dh, fl_real *dc, fl_real *dgates),
          (H, gates, c0, tc, dh, dc, dgates))

/* dh(H) += dy of the step, where it is an output. */
static void add_dy(const struct fl_layer *l, const struct fl_pass *a, const struct dims *d,
                   size_t b, size_t t, fl_real *dh)
{
	const fl_real *dy = l->out.ndim == 2 ? a->dy + (b * d->T + t) * d->H :
	                    t + 1 == d->T ? a->dy + b * d->H : NULL;

	for (size_t k = 0; dy && k < d->H; k++)
		dh[k] += dy[k];
}

/* y(m,n) = transpose of x(n,m), by squares that stay in cache. */
static void transpose(const fl_real *x, size_t n, size_t m, fl_real *y)
{
	enum { SIDE = 16 };

	for (size_t i0 = 0; i0 < n; i0 += SIDE)
		for (size_t j0 = 0; j0 < m; j0 += SIDE)
			for (size_t j = j0; j < j0 + SIDE && j < m; j++)
				for (size_t i = i0; i < i0 + SIDE && i < n; i++)
					y[j * n + i] = x[i * m + j];
}

/* From the last step to the first: dgates(B,T,4H). */
static void through_time(const struct fl_layer *l, const struct fl_pass *a, const struct dims *d)
{
	struct room r = rooms(d);
	struct blocks k = blocks(d, a->cache);
	fl_real *dgates = a->scratch + r.dgates, *dh = a->scratch + r.dh, *dc = a->scratch + r.dc;
	fl_real *wt = a->scratch + r.wt;

	transpose(a->w + l->off[W_HH], d->H, d->G, wt);
	memset(dh, 0, d->B * d->H * sizeof *dh);
	memset(dc, 0, d->B * d->H * sizeof *dc);
	for (size_t t = d->T; t-- > 0;) {
		fl_product p = product_dh(d, dgates + t * d->G, wt, dh);

		for (size_t b = 0; b < d->B; b++) {
			size_t at = (b * d->T + t) * d->H;

			add_dy(l, a, d, b, t, dh + b * d->H);
			cell_backward(d->H, k.gates + 4 * at, t ? k.c + at - d->H : NULL, k.tc + at,
			              dh + b * d->H, dc + b * d->H, dgates + 4 * at);
		}
		if (t)
			fl_matmul(&p, a->scratch + r.product);
	}
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l, a->B);
	struct room r = rooms(&d);
	fl_real *dgates = a->scratch + r.dgates;
	int first = a->flags & FL_BACK_FIRST;
	fl_product p;

	through_time(l, a, &d);
	if (a->dx) {
		p = product_dx(&d, dgates, a->w + l->off[W_IH], a->dx);
		fl_matmul(&p, a->scratch + r.product);
	}
	if (a->flags & FL_BACK_INPUT)
		return;
	p = product_dw(&d, a->x, d.I, dgates, a->dw + l->off[W_IH], first);
	fl_matmul(&p, a->scratch + r.product);
	p = product_dw(&d, blocks(&d, a->cache).h, d.H, dgates, a->dw + l->off[W_HH], first);
	fl_matmul(&p, a->scratch + r.product);
	for (unsigned j = B_IH; j <= B_HH; j++) {
		if (first)
			memset(a->dw + l->off[j], 0, d.G * sizeof *a->dw);
		fl_column_sums(dgates, a->dw + l->off[j], d.B * d.T, d.G);
	}
	for (unsigned j = 0; j < l->nparam; j++)
		fl_pass_done(a, l->off[j], d.G * (j == W_IH ? d.I : j == W_HH ? d.H : 1));
}

static double madds(const struct fl_layer *l)
{
	struct dims d = dims(l, 1);

	return (double)d.T * (double)d.G * (double)(d.I + d.H);
}

const struct fl_layer_entry fl_layer_lstm = {
	.e = {
		.name = "lstm",
		.title = "LSTM",
		.cite = "Hochreiter and Schmidhuber, Neural Computation 9, 1997; torch.nn.LSTM",
		.doc = "long short-term memory over the steps of a sequence",
		.params = params,
		.psize = sizeof(struct lstm),
		.formula = "c_t = s(f) c_t-1 + s(i) tanh(g); h_t = s(o) tanh(c_t)",
	},
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
