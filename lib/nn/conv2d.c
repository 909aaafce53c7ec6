/* Two-dimensional convolution (cross-correlation), as products over columns of
 * windows. In an image, with col(K,P) the windows' contents, K running over
 * (channel, row, column) of the kernel and P over the output's pixels:
 *   y(O,P) = w(K,O)^T col + b     each y one chain: b, then ascending K
 *   dw(K,O) = sum col dy^T        each dw one chain, ascending (image, pixel)
 *   dx = windows of w dy added    each dx sums, for its windows in ascending
 *                                 kernel place, chains over ascending O
 *   db = sum of dy, as lanes.h defines
 * The record holds w as PyTorch does, (O, C/groups, kh, kw). With groups, each
 * group is such a convolution of its slice of channels. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "nn/conv2d.h"
#include "nn/lanes.h"
#include "nn/window.h"

static const struct fl_param params[] = { FL_CONV2D_PARAMS, { 0 } };

enum { WEIGHT, BIAS };
enum { PIXELS = 256 };		/* small images are joined to this many, so that dw is loaded seldom */

/* All the loops need to know; recomputed a call. */
struct geo {
	struct fl_window w;
	size_t G, c, o;		/* groups; channels and outputs of one */
	size_t K, P, O;
	size_t Hp, Wp;		/* with padding */
	size_t join;		/* images whose columns lie side by side */
};

static int geometry(struct geo *g, const struct fl_layer *l, size_t B, struct fl_err *e)
{
	const struct fl_conv2d *p = l->p;

	*g = (struct geo){ .G = (size_t)p->groups, .O = (size_t)p->out };
	if (fl_window_init(&g->w, l, &p->kernel, &p->stride, &p->padding, e))
		return -1;
	g->c = g->w.C / g->G;
	g->o = g->O / g->G;
	g->K = g->c * g->w.kh * g->w.kw;
	g->P = g->w.OH * g->w.OW;
	g->Hp = g->w.H + 2 * g->w.ph;
	g->Wp = g->w.W + 2 * g->w.pw;
	g->join = g->P && g->P < PIXELS ? (PIXELS + g->P - 1) / g->P : 1;
	if (g->join > B)
		g->join = B ? B : 1;
	return 0;
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct fl_conv2d *p = l->p;
	struct geo g;
	size_t n;

	if (p->out == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "key 'out' is missing");
	if (geometry(&g, l, 1, e))
		return -1;
	if (g.c * g.G != g.w.C || g.o * g.G != g.O)
		return fl_fail(e, FL_EUSAGE, "%zu groups do not divide %zu channels in and %zu out",
		               g.G, g.w.C, g.O);
	if (fl_mul(g.c, g.w.kh * g.w.kw, &n) || fl_mul(n, g.P, &n) || n > FL_NET_MAX ||
	    fl_mul(g.c, g.Hp, &n) || fl_mul(n, g.Wp, &n) || n > FL_NET_MAX)
		return fl_fail(e, FL_EUSAGE, "the windows of an image hold more than %zu numbers",
		               FL_NET_MAX);
	l->out = (struct fl_shape){ 3, { g.O, g.w.OH, g.w.OW } };
	l->nparam = p->bias ? 2 : 1;
	l->param[WEIGHT] = (struct fl_layer_param){
		"weight", 4, { g.O, g.c, g.w.kh, g.w.kw }, FL_PERM_TRANSPOSE, FL_TRAINED
	};
	l->param[BIAS] = (struct fl_layer_param){ "bias", 1, { g.O }, FL_PERM_NONE, FL_TRAINED };
	return 0;
}

/* torch.nn.Conv2d: U(-1/sqrt(K), 1/sqrt(K)) for both. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	struct geo g;
	size_t rows;
	double bound;

	geometry(&g, l, 1, NULL);
	rows = param == WEIGHT ? g.K : 1;
	bound = 1 / sqrt((double)g.K);
	for (size_t o = 0; o < g.O; o++)
		for (size_t k = 0; k < rows; k++)
			w[k * g.O + o] = (fl_real)(bound * (2 * fl_rng_real(r) - 1));
}

/* --- windows <-> columns --- */

/* y(n) = x(0), x(by), ... */
FL_BODY void copy_row(const fl_real *x, fl_real *y, size_t n, size_t by)
{
	size_t i = 0;

	if (by == 1)
		for (; i + 8 <= n; i += 8)
			memcpy(y + i, x + i, 8 * sizeof *y);
	for (; i < n; i++)
		y[i] = x[i * by];
}

FL_BODY void add_row(const fl_real *x, fl_real *y, size_t n, size_t by)
{
	size_t i = 0;

	if (by == 1)
		for (; i + 8 <= n; i += 8)
			for (size_t j = i; j < i + 8; j++)
				y[j] += x[j];
	for (; i < n; i++)
		y[i * by] += x[i];
}

/* Padded planes x(c,Hp,Wp) -> columns col(K,P), rows ld apart. */
FL_BODY void to_columns_body(const struct geo *g, const fl_real *x, fl_real *col, size_t ld)
{
	const struct fl_window *w = &g->w;

	for (size_t c = 0; c < g->c; c++)
		for (size_t i = 0; i < w->kh; i++)
			for (size_t j = 0; j < w->kw; j++, col += ld) {
				const fl_real *from = x + (c * g->Hp + i) * g->Wp + j;

				for (size_t r = 0; r < w->OH; r++)
					copy_row(from + r * w->sh * g->Wp, col + r * w->OW, w->OW, w->sw);
			}
}

/* The opposite, adding what falls on the same place; x is zeroed before. */
FL_BODY void from_columns_body(const struct geo *g, const fl_real *col, fl_real *x)
{
	const struct fl_window *w = &g->w;

	memset(x, 0, g->c * g->Hp * g->Wp * sizeof *x);
	for (size_t c = 0; c < g->c; c++)
		for (size_t i = 0; i < w->kh; i++)
			for (size_t j = 0; j < w->kw; j++, col += g->P) {
				fl_real *to = x + (c * g->Hp + i) * g->Wp + j;

				for (size_t r = 0; r < w->OH; r++)
					add_row(col + r * w->OW, to + r * w->sh * g->Wp, w->OW, w->sw);
			}
}

static void to_columns(const struct geo *g, const fl_real *x, fl_real *col, size_t ld);
FL_ISA_FN(to_columns, (const struct geo *g, const fl_real *x, fl_real *col, size_t ld),
          (g, x, col, ld))

static void from_columns(const struct geo *g, const fl_real *col, fl_real *x);
FL_ISA_FN(from_columns, (const struct geo *g, const fl_real *col, fl_real *x), (g, col, x))

/* Planes x(c,H,W) with zeros around them: in pad, unless there are none. */
static const fl_real *padded(const struct geo *g, const fl_real *x, fl_real *pad)
{
	const struct fl_window *w = &g->w;

	if (!w->ph && !w->pw)
		return x;
	memset(pad, 0, g->c * g->Hp * g->Wp * sizeof *pad);
	for (size_t c = 0; c < g->c; c++)
		for (size_t i = 0; i < w->H; i++)
			memcpy(pad + (c * g->Hp + i + w->ph) * g->Wp + w->pw,
			       x + (c * w->H + i) * w->W, w->W * sizeof *x);
	return pad;
}

static void unpad(const struct geo *g, const fl_real *pad, fl_real *x)
{
	const struct fl_window *w = &g->w;

	for (size_t c = 0; c < g->c; c++)
		for (size_t i = 0; i < w->H; i++)
			memcpy(x + (c * w->H + i) * w->W,
			       pad + (c * g->Hp + i + w->ph) * g->Wp + w->pw, w->W * sizeof *x);
}

/* --- products of one group --- */

/* Places in the scratch: columns, padded planes, dy of joined images, products. */
struct room {
	size_t col, pad, dy, product;
};

static size_t lines(size_t n)
{
	size_t line = FL_ALIGN / sizeof(fl_real);

	return (n + line - 1) / line * line;
}

static struct room rooms(const struct geo *g)
{
	struct room r = { .col = 0 };

	r.pad = r.col + lines(g->K * g->P * g->join);
	r.dy = r.pad + lines(g->c * g->Hp * g->Wp);
	r.product = r.dy + lines(g->o * g->P * g->join);
	return r;
}

static fl_product product_y(const struct geo *g, const fl_real *w, const fl_real *col, fl_real *y)
{
	return (fl_product){
		.M = g->o, .N = g->P, .K = g->K,
		.a = w, .lda = g->O, .ta = 1,
		.b = col, .ldb = g->P,
		.c = y, .ldc = g->P,
	};
}

static fl_product product_col(const struct geo *g, const fl_real *w, const fl_real *dy,
                              fl_real *col)
{
	return (fl_product){
		.M = g->K, .N = g->P, .K = g->o,
		.a = w, .lda = g->O,
		.b = dy, .ldb = g->P,
		.c = col, .ldc = g->P,
	};
}

/* n images side by side. */
static fl_product product_dw(const struct geo *g, const fl_real *col, const fl_real *dy,
                             fl_real *dw, size_t n)
{
	return (fl_product){
		.M = g->K, .N = g->o, .K = n * g->P,
		.a = col, .lda = n * g->P,
		.b = dy, .ldb = n * g->P, .tb = 1,
		.c = dw, .ldc = g->O,
		.start = FL_GEMM_ADD,
	};
}

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t scratch(const struct fl_layer *l, size_t B)
{
	fl_real none[1] = { 0 };
	struct geo g;
	fl_product y, col, dw;

	geometry(&g, l, B, NULL);
	y = product_y(&g, none, none, none);
	col = product_col(&g, none, none, none);
	dw = product_dw(&g, none, none, none, g.join);
	return rooms(&g).product +
	       most(fl_matmul_scratch(&y), most(fl_matmul_scratch(&col), fl_matmul_scratch(&dw)));
}

/* --- passes --- */

/* Planes of image b, group i, of x(B,C,H,W). */
static const fl_real *planes(const struct geo *g, const fl_real *x, size_t b, size_t i)
{
	return x + (b * g->w.C + i * g->c) * g->w.H * g->w.W;
}

static void fill_bias(const struct geo *g, const fl_real *bias, fl_real *y)
{
	for (size_t o = 0; o < g->o; o++)
		for (size_t p = 0; p < g->P; p++)
			y[o * g->P + p] = bias[o];
}

static void forward(const struct fl_layer *l, const struct fl_pass *a, int relu)
{
	const fl_real *w = a->w + l->off[WEIGHT];
	struct geo g;
	struct room r;

	geometry(&g, l, a->B, NULL);
	r = rooms(&g);
	for (size_t b = 0; b < a->B; b++)
		for (size_t i = 0; i < g.G; i++) {
			fl_real *y = a->y + (b * g.O + i * g.o) * g.P;
			fl_product p = product_y(&g, w + i * g.o, a->scratch + r.col, y);

			to_columns(&g, padded(&g, planes(&g, a->x, b, i), a->scratch + r.pad),
			           a->scratch + r.col, g.P);
			if (l->nparam > BIAS) {
				fill_bias(&g, a->w + l->off[BIAS] + i * g.o, y);
				p.start = FL_GEMM_ADD;
			}
			p.relu = relu;
			fl_matmul(&p, a->scratch + r.product);
		}
}

static void input_gradient(const struct geo *g, const fl_real *w, const struct fl_pass *a,
                           size_t b, size_t i)
{
	struct room r = rooms(g);
	fl_real *dx = a->dx + (b * g->w.C + i * g->c) * g->w.H * g->w.W;
	int pads = g->w.ph || g->w.pw;
	fl_product p = product_col(g, w + i * g->o, a->dy + (b * g->O + i * g->o) * g->P,
	                           a->scratch + r.col);

	fl_matmul(&p, a->scratch + r.product);
	from_columns(g, a->scratch + r.col, pads ? a->scratch + r.pad : dx);
	if (pads)
		unpad(g, a->scratch + r.pad, dx);
}

/* dy of n images from b on, side by side: (o, n*P). */
static const fl_real *joined(const struct geo *g, const struct fl_pass *a, size_t b, size_t n,
                             size_t i)
{
	const fl_real *from = a->dy + (b * g->O + i * g->o) * g->P;
	fl_real *to = a->scratch + rooms(g).dy;

	if (n == 1)
		return from;
	for (size_t o = 0; o < g->o; o++)
		for (size_t k = 0; k < n; k++)
			memcpy(to + (o * n + k) * g->P, from + (k * g->O + o) * g->P,
			       g->P * sizeof *to);
	return to;
}

struct rows {
	const struct fl_pass *a;
	size_t off, O;
};

static void weight_rows(void *ctx, size_t i0, size_t i1)
{
	const struct rows *r = ctx;

	r->a->done(r->a->ctx, r->off + i0 * r->O, (i1 - i0) * r->O);
}

/* rows NULL: more images follow, or more groups. */
static void weight_gradient(const struct geo *g, fl_real *dw, const struct fl_pass *a,
                            size_t b, size_t n, size_t i, struct rows *rows)
{
	struct room r = rooms(g);
	fl_product p = product_dw(g, a->scratch + r.col, joined(g, a, b, n, i), dw + i * g->o, n);

	for (size_t k = 0; k < n; k++)
		to_columns(g, padded(g, planes(g, a->x, b + k, i), a->scratch + r.pad),
		           a->scratch + r.col + k * g->P, n * g->P);
	if (rows) {
		p.rows = weight_rows;
		p.ctx = rows;
	}
	fl_matmul(&p, a->scratch + r.product);
}

/* db(O) += sums of dy(B,O,P) over images and pixels. */
FL_BODY void bias_sums_body(const fl_real *dy, fl_real *db, size_t B, size_t O, size_t P)
{
	for (size_t o = 0; o < O; o++) {
		struct fl_lanes s = { { 0 } };

		for (size_t b = 0; b < B; b++) {
			const fl_real *v = dy + (b * O + o) * P;

			FL_LANES_ADD(&s, P, i, (double)v[i]);
		}
		db[o] = (fl_real)((double)db[o] + fl_lanes_total(&s));
	}
}

static void bias_sums(const fl_real *dy, fl_real *db, size_t B, size_t O, size_t P);
FL_ISA_FN(bias_sums, (const fl_real *dy, fl_real *db, size_t B, size_t O, size_t P),
          (dy, db, B, O, P))

static void bias_gradient(const struct fl_layer *l, const struct geo *g, const struct fl_pass *a)
{
	fl_real *db = a->dw + l->off[BIAS];

	if (a->flags & FL_BACK_FIRST)
		memset(db, 0, g->O * sizeof *db);
	bias_sums(a->dy, db, a->B, g->O, g->P);
	if (a->done)
		a->done(a->ctx, l->off[BIAS], g->O);
}

/* Images in ascending order; the inputs' gradients of a few, then the weights',
 * because done() with the last of these may change the weights. */
static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	const fl_real *w = a->w + l->off[WEIGHT];
	fl_real *dw = a->dw + l->off[WEIGHT];
	struct geo g;
	struct rows rows = { a, l->off[WEIGHT], 0 };
	int early;

	geometry(&g, l, a->B, NULL);
	rows.O = g.O;
	early = a->done && g.G == 1;	/* rows of a group are no stretch of w */
	if (a->flags & FL_BACK_FIRST)
		memset(dw, 0, g.K * g.O * sizeof *dw);
	for (size_t b = 0, n; b < a->B; b += n) {
		n = a->B - b < g.join ? a->B - b : g.join;
		for (size_t i = 0; i < g.G; i++) {
			for (size_t k = 0; a->dx && k < n; k++)
				input_gradient(&g, w, a, b + k, i);
			weight_gradient(&g, dw, a, b, n, i, early && b + n == a->B ? &rows : NULL);
		}
	}
	if (a->done && !early)
		a->done(a->ctx, l->off[WEIGHT], g.K * g.O);
	if (l->nparam > BIAS)
		bias_gradient(l, &g, a);
}

static double madds(const struct fl_layer *l)
{
	struct geo g;

	geometry(&g, l, 1, NULL);
	return (double)g.K * (double)g.P * (double)g.O;
}

const struct fl_layer_entry fl_layer_conv2d = {
	.e = {
		.name = "conv2d",
		.title = "Convolution",
		.cite = "LeCun et al., Neural Computation 1, 1989; torch.nn.Conv2d",
		.doc = "two-dimensional convolution with bias",
		.params = params,
		.psize = sizeof(struct fl_conv2d),
		.formula = "y_o = b_o + sum_c w_oc * x_c",
	},
	.fuse_relu = 1,
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
