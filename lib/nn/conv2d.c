/* Two-dimensional convolution (cross-correlation), as products whose operand is
 * the windows of an image, read where they lie in padded planes: no columns. In
 * an image, with win(K,P) the windows' contents, K running over (channel, row,
 * column) of the kernel and P over the output's pixels:
 *   y(O,P) = w(K,O)^T win + b     each y one chain: b, then ascending K
 *   dw(K,O) = sum win dy^T        each dw one chain, ascending (image, pixel)
 *   dx(C,.) = w(C,.) windows of dy   each dx one chain from 0, ascending (row,
 *                                 column) of the kernel, then O
 *   db = sum of dy, as lanes.h defines
 * Where relu and pooling are computed with it, y and dy before these are there for a few
 * images at a time.
 * With steps between windows, the pixels of x fall into phases, by their place
 * modulo the step, each with its own places of the kernel. The record holds w as
 * PyTorch does, (O, C/groups, kh, kw). With groups, each group is such a
 * convolution of its slice of channels. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "nn/conv2d.h"
#include "nn/lanes.h"
#include "nn/quads.h"
#include "nn/winograd.h"

const char *const fl_conv2d_init[] = { "torch", "kaiming", "glorot", NULL };
static const struct fl_param params[] = { FL_CONV2D_PARAMS, { 0 } };

enum { WEIGHT, BIAS };
enum { PIXELS = 1024 };		/* images are joined to this many, so that dw is loaded seldom */
#define JOINED ((size_t)1 << 20)	/* numbers of joined images, unless one is larger */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* All the loops need to know; recomputed a call. */
struct geo {
	struct fl_window w;
	size_t G, c, o;		/* groups; channels and outputs of one */
	size_t K, P, O;
	size_t Hp, Wp;		/* x with padding */
	size_t top, left, Hd, Wd;	/* dy's place in planes with zeros around it, and their size */
	size_t plane, dplane;	/* from one plane of x, or dy, to the next */
	size_t join;		/* images whose windows make one chain */
	int pooled;		/* relu and pooling follow */
};

/* A direction of dy's planes: zeros before, and all. A pixel y of x meets the
 * outputs (y + p - i) / s, from -(k-1-p)/s on. */
static void around(size_t k, size_t s, size_t p, size_t n, size_t out, size_t *before, size_t *all)
{
	size_t end = (n - 1 + p) / s + 1;

	*before = k > p + 1 ? (k - 1 - p) / s : 0;
	*all = *before + (end > out ? end : out);
}

/* An odd number of cache lines: planes that many apart do not compete for the same
 * places of the cache. */
static size_t spread(size_t n)
{
	size_t line = FL_ALIGN / sizeof(fl_real);

	return ((n + line - 1) / line | 1) * line;
}

static int geometry(struct geo *g, const struct fl_layer *l, size_t B, enum fl_conv2d_end end,
                    struct fl_err *e)
{
	const struct fl_conv2d *p = l->p;

	*g = (struct geo){ .G = (size_t)p->groups, .O = (size_t)p->out, .pooled = end == FL_CONV2D_POOL };
	if (fl_window_init(&g->w, l, &p->kernel, &p->stride, &p->padding, e))
		return -1;
	g->c = g->w.C / g->G;
	g->o = g->O / g->G;
	g->K = g->c * g->w.kh * g->w.kw;
	g->P = g->w.OH * g->w.OW;
	g->Hp = g->w.H + 2 * g->w.ph;
	g->Wp = g->w.W + 2 * g->w.pw;
	around(g->w.kh, g->w.sh, g->w.ph, g->w.H, g->w.OH, &g->top, &g->Hd);
	around(g->w.kw, g->w.sw, g->w.pw, g->w.W, g->w.OW, &g->left, &g->Wd);
	g->plane = g->w.ph || g->w.pw ? spread(g->Hp * g->Wp) : g->w.H * g->w.W;
	g->dplane = spread(g->Hd * g->Wd);
	g->join = most(1, least(B, least(PIXELS / g->P, JOINED / most(1, g->c * g->plane))));
	return 0;
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct fl_conv2d *p = l->p;
	struct geo g;
	size_t n;

	if (p->out == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "key 'out' is missing");
	if (geometry(&g, l, 1, FL_CONV2D_BARE, e))
		return -1;
	if (g.c * g.G != g.w.C || g.o * g.G != g.O)
		return fl_fail(e, FL_EUSAGE, "%zu groups do not divide %zu channels in and %zu out",
		               g.G, g.w.C, g.O);
	if (fl_mul(g.c, g.w.kh * g.w.kw, &n) || fl_mul(n, g.P, &n) || n > FL_NET_MAX ||
	    fl_mul(g.c, g.plane, &n) || n > FL_NET_MAX ||
	    fl_mul(g.o, g.dplane, &n) || n > FL_NET_MAX)
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

/* torch.nn.Conv2d: U(-1/sqrt(K), 1/sqrt(K)) for both. Otherwise biases are zero, and
 * weights, with F = O kh kw the fan out, N(0, 2/F) as torchvision's residual networks
 * have them (kaiming) or U(-b, b), b = sqrt(6 / (K + F)) (glorot). */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	int how = ((const struct fl_conv2d *)l->p)->init;
	struct geo g;
	double out, bound;

	geometry(&g, l, 1, FL_CONV2D_BARE, NULL);
	out = (double)(g.O * g.w.kh * g.w.kw);
	bound = how == FL_CONV2D_GLOROT ? sqrt(6 / ((double)g.K + out)) : 1 / sqrt((double)g.K);
	if (param == BIAS && (how == FL_CONV2D_KAIMING || how == FL_CONV2D_GLOROT))
		return;
	for (size_t o = 0; o < g.O; o++)
		for (size_t k = 0; k < (param == WEIGHT ? g.K : 1); k++)
			w[k * g.O + o] = (fl_real)(how == FL_CONV2D_KAIMING ?
			                 sqrt(2 / out) * fl_rng_normal(r) :
			                 bound * (2 * fl_rng_real(r) - 1));
}

/* --- planes with zeros around them --- */

/* n planes (H,W) of x to the inside of others, plane apart with rows of Wp. */
static void plant(const fl_real *x, size_t n, size_t H, size_t W, fl_real *to, size_t plane,
                  size_t Wp)
{
	for (size_t i = 0; i < n; i++, to += plane)
		for (size_t r = 0; r < H; r++, x += W)
			memcpy(to + r * Wp, x, W * sizeof *x);
}

/* Planes of group i of n images from b on, with their padding: in pad, zeroed
 * before, unless there is none. Images are g->c planes apart there. */
static const fl_real *padded(const struct geo *g, const fl_real *x, size_t b, size_t n, size_t i,
                             fl_real *pad)
{
	const struct fl_window *w = &g->w;
	size_t plane = w->H * w->W;

	x += (b * w->C + i * g->c) * plane;
	if (!w->ph && !w->pw && (n == 1 || g->G == 1))
		return x;
	for (size_t k = 0; k < n; k++)
		plant(x + k * w->C * plane, g->c, w->H, w->W,
		      pad + k * g->c * g->plane + w->ph * g->Wp + w->pw, g->plane, g->Wp);
	return pad;
}

/* --- phases: the pixels of x at (y + t sh, x + u sw) --- */

struct phase {
	size_t y, x, rows, cols;
	size_t k0, K, j0, N;	/* stretches of the tables: places and outputs, pixels */
};

/* Places of a kernel of k that outputs with step s put on a pixel: at % s, + s, ... */
static size_t places(size_t k, size_t s, size_t at)
{
	return at % s < k ? (k - at % s + s - 1) / s : 0;
}

static void measure(const struct geo *g, struct phase *f)
{
	const struct fl_window *w = &g->w;

	f->rows = (w->H - f->y + w->sh - 1) / w->sh;
	f->cols = (w->W - f->x + w->sw - 1) / w->sw;
	f->N = f->rows * f->cols;
	f->K = places(w->kh, w->sh, f->y + w->ph) * places(w->kw, w->sw, f->x + w->pw) * g->o;
}

static struct phase first_phase(const struct geo *g)
{
	struct phase f = { 0 };

	measure(g, &f);
	return f;
}

static int is_phase(const struct geo *g, const struct phase *f)
{
	return f->y < least(g->w.sh, g->w.H);
}

static void next_phase(const struct geo *g, struct phase *f)
{
	f->k0 += f->K;
	f->j0 += f->N;
	if (++f->x == least(g->w.sw, g->w.W)) {
		f->x = 0;
		f->y++;
	}
	if (is_phase(g, f))
		measure(g, f);
}

/* --- scratch: offsets of operands, planes, the products' own --- */

/* Where things are in the scratch, in reals. */
struct room {
	size_t window, pixel;		/* win: (K); of joined images (join*P) */
	size_t dy_pixel, dy_out;	/* dy^T: (join*P); (o) */
	size_t channel, place, output, input;	/* dx: w (c), (kh*kw*o); dy there and (H*W) */
	size_t x, dy, dx, product;	/* planes; a phase of dx where there are several */
	size_t wide;			/* outputs of joined images before pooling, or their gradients */
};

static size_t lines(size_t n)
{
	size_t line = FL_ALIGN / sizeof(fl_real);

	return (n + line - 1) / line * line;
}

static size_t offsets(size_t n)
{
	return lines((n * sizeof(uint32_t) + sizeof(fl_real) - 1) / sizeof(fl_real));
}

static int has_phases(const struct geo *g)
{
	return g->w.sh > 1 || g->w.sw > 1;
}

static struct room rooms(const struct geo *g)
{
	size_t places_o = g->w.kh * g->w.kw * g->o;
	struct room r = { .window = 0 };

	r.pixel = r.window + offsets(g->K);
	r.dy_pixel = r.pixel + offsets(g->join * g->P);
	r.dy_out = r.dy_pixel + offsets(g->join * g->P);
	r.channel = r.dy_out + offsets(g->o);
	r.place = r.channel + offsets(g->c);
	r.output = r.place + offsets(places_o);
	r.input = r.output + offsets(places_o);
	r.x = r.input + offsets(g->w.H * g->w.W);
	r.dy = r.x + lines(g->join * g->c * g->plane);
	r.dx = r.dy + lines(g->o * g->dplane);
	r.wide = r.dx + (has_phases(g) ? lines(g->c * g->w.H * g->w.W) : 0);
	r.product = r.wide + (g->pooled ? lines(g->join * g->O * g->P) : 0);
	return r;
}

static uint32_t *table(fl_real *scratch, size_t at)
{
	return (uint32_t *)(scratch + at);
}

/* The windows of n images. */
static void fill_windows(const struct geo *g, fl_real *scratch, size_t n)
{
	const struct fl_window *w = &g->w;
	struct room r = rooms(g);
	uint32_t *window = table(scratch, r.window), *pixel = table(scratch, r.pixel);

	for (size_t c = 0; c < g->c; c++)
		for (size_t i = 0; i < w->kh; i++)
			for (size_t j = 0; j < w->kw; j++)
				*window++ = (uint32_t)(c * g->plane + i * g->Wp + j);
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < w->OH; i++)
			for (size_t j = 0; j < w->OW; j++)
				*pixel++ = (uint32_t)(k * g->c * g->plane + i * w->sh * g->Wp + j * w->sw);
	if (!w->ph && !w->pw)
		return;
	memset(scratch + r.x, 0, n * g->c * g->plane * sizeof *scratch);
}

/* dy of joined images as (pixel, output). */
static void fill_outputs(const struct geo *g, fl_real *scratch)
{
	struct room r = rooms(g);
	uint32_t *pixel = table(scratch, r.dy_pixel), *out = table(scratch, r.dy_out);

	for (size_t k = 0; k < g->join; k++)
		for (size_t p = 0; p < g->P; p++)
			*pixel++ = (uint32_t)(k * g->O * g->P + p);
	for (size_t o = 0; o < g->o; o++)
		out[o] = (uint32_t)(o * g->P);
}

/* A phase's places of the kernel, and what of dy they meet there. */
static void fill_phase(const struct geo *g, fl_real *scratch, const struct phase *f)
{
	const struct fl_window *w = &g->w;
	struct room r = rooms(g);
	uint32_t *place = table(scratch, r.place) + f->k0, *out = table(scratch, r.output) + f->k0;
	uint32_t *in = table(scratch, r.input) + f->j0;
	size_t y = f->y + w->ph, x = f->x + w->pw;

	for (size_t i = y % w->sh; i < w->kh; i += w->sh)
		for (size_t j = x % w->sw; j < w->kw; j += w->sw) {
			size_t row = (y + g->top * w->sh - i) / w->sh;
			size_t at = row * g->Wd + (x + g->left * w->sw - j) / w->sw;

			for (size_t o = 0; o < g->o; o++) {
				*place++ = (uint32_t)((i * w->kw + j) * g->O + o);
				*out++ = (uint32_t)(o * g->dplane + at);
			}
		}
	for (size_t t = 0; t < f->rows; t++)
		for (size_t u = 0; u < f->cols; u++)
			*in++ = (uint32_t)(t * g->Wd + u);
}

static void fill_phases(const struct geo *g, fl_real *scratch)
{
	struct room r = rooms(g);
	uint32_t *channel = table(scratch, r.channel);

	for (size_t c = 0; c < g->c; c++)
		channel[c] = (uint32_t)(c * g->w.kh * g->w.kw * g->O);
	for (struct phase f = first_phase(g); is_phase(g, &f); next_phase(g, &f))
		fill_phase(g, scratch, &f);
	memset(scratch + r.dy, 0, g->o * g->dplane * sizeof *scratch);
}

/* --- products of one group; x, dy: planes; w: the group's --- */

static fl_product product_y(const struct geo *g, fl_real *scratch, const fl_real *w,
                            const fl_real *x, fl_real *y)
{
	struct room r = rooms(g);

	return (fl_product){
		.M = g->o, .N = g->P, .K = g->K,
		.a = w, .lda = g->O, .ta = 1,
		.b = x, .bk = table(scratch, r.window), .bj = table(scratch, r.pixel),
		.c = y, .ldc = g->P,
	};
}

static fl_product product_dx(const struct geo *g, fl_real *scratch, const struct phase *f,
                             const fl_real *w, const fl_real *dy, fl_real *dx)
{
	struct room r = rooms(g);
	int plain = !has_phases(g) && g->G == 1;	/* places and outputs as w holds them */

	return (fl_product){
		.M = g->c, .N = f->N, .K = f->K,
		.a = w, .lda = f->K, .ai = plain ? NULL : table(scratch, r.channel),
		.ak = plain ? NULL : table(scratch, r.place) + f->k0,
		.b = dy, .bk = table(scratch, r.output) + f->k0, .bj = table(scratch, r.input) + f->j0,
		.c = dx, .ldc = f->N,
	};
}

/* n images. */
static fl_product product_dw(const struct geo *g, fl_real *scratch, const fl_real *x,
                             const fl_real *dy, fl_real *dw, size_t n)
{
	struct room r = rooms(g);

	return (fl_product){
		.M = g->K, .N = g->o, .K = n * g->P,
		.a = x, .ai = table(scratch, r.window), .ak = table(scratch, r.pixel),
		.b = dy, .bk = table(scratch, r.dy_pixel), .bj = table(scratch, r.dy_out),
		.c = dw, .ldc = g->O,
		.start = FL_GEMM_ADD,
	};
}

static int by_winograd(const struct geo *g)
{
	return g->G == 1 && fl_winograd_takes(&g->w, g->O);
}

static size_t scratch_to(const struct fl_layer *l, size_t B, enum fl_conv2d_end end)
{
	fl_real none[1] = { 0 };
	struct geo g;
	fl_product y, dx, dw;
	size_t n;

	geometry(&g, l, B, end, NULL);
	if (by_winograd(&g))
		return fl_winograd_scratch(&g.w, g.O);
	y = product_y(&g, none, none, none, none);
	dw = product_dw(&g, none, none, none, none, g.join);
	n = most(fl_matmul_scratch(&y), fl_matmul_scratch(&dw));
	for (struct phase f = first_phase(&g); is_phase(&g, &f); next_phase(&g, &f)) {
		dx = product_dx(&g, none, &f, none, none, none);
		n = most(n, fl_matmul_scratch(&dx));
	}
	return rooms(&g).product + n;
}

/* --- passes --- */

/* Group i of image b. */
static void forward_group(const struct geo *g, const struct fl_pass *a, const fl_real *w,
                          const fl_real *bias, int relu, size_t b, size_t i)
{
	struct room r = rooms(g);
	size_t at = (b * g->O + i * g->o) * g->P;
	fl_real *y = g->pooled ? a->scratch + r.wide : a->y + at;
	fl_product p = product_y(g, a->scratch, w + i * g->o,
	                         padded(g, a->x, b, 1, i, a->scratch + r.x), y);

	if (bias) {
		p.start = FL_GEMM_ROW_BIAS;
		p.bias = bias + i * g->o;
	}
	p.relu = relu;
	fl_matmul(&p, a->scratch + r.product);
	if (g->pooled)
		fl_quads_take(y, g->o * g->w.OH / 2, g->w.OW, a->y + at / 4, a->cache + at / 4, 1);
}

static void forward_to(const struct fl_layer *l, const struct fl_pass *a, enum fl_conv2d_end end)
{
	const fl_real *w = a->w + l->off[WEIGHT], *bias = l->nparam > BIAS ? a->w + l->off[BIAS] : NULL;
	int relu = end != FL_CONV2D_BARE;
	struct geo g;

	geometry(&g, l, a->B, end, NULL);
	if (by_winograd(&g)) {
		fl_winograd_y(&g.w, g.O, a->B, a->x, w, bias, relu, a->y, g.pooled ? a->cache : NULL,
		              a->scratch);
		return;
	}
	fill_windows(&g, a->scratch, 1);
	for (size_t b = 0; b < a->B; b++)
		for (size_t i = 0; i < g.G; i++)
			forward_group(&g, a, w, bias, relu, b, i);
}

/* dy of n images from b on, as the products read it. */
static const fl_real *gradients(const struct geo *g, const struct fl_pass *a, size_t b, size_t n)
{
	fl_real *wide = a->scratch + rooms(g).wide;
	size_t at = b * g->O * g->P;

	if (!g->pooled)
		return a->dy + at;
	fl_quads_give(wide, n * g->O * g->w.OH / 2, g->w.OW, a->dy + at / 4, a->cache + at / 4);
	return wide;
}

/* The pixels of a phase to their places. */
static void scatter(const struct geo *g, const struct phase *f, const fl_real *from, fl_real *dx)
{
	const struct fl_window *w = &g->w;

	for (size_t c = 0; c < g->c; c++)
		for (size_t t = 0; t < f->rows; t++)
			for (size_t u = 0; u < f->cols; u++)
				dx[(c * w->H + f->y + t * w->sh) * w->W + f->x + u * w->sw] = *from++;
}

/* dy: of the group in image b. */
static void input_gradient(const struct geo *g, const fl_real *w, const struct fl_pass *a,
                           const fl_real *dy, size_t b, size_t i)
{
	struct room r = rooms(g);
	fl_real *dx = a->dx + (b * g->w.C + i * g->c) * g->w.H * g->w.W;

	plant(dy, g->o, g->w.OH, g->w.OW,
	      a->scratch + r.dy + g->top * g->Wd + g->left, g->dplane, g->Wd);
	for (struct phase f = first_phase(g); is_phase(g, &f); next_phase(g, &f)) {
		fl_real *to = has_phases(g) ? a->scratch + r.dx : dx;
		fl_product p = product_dx(g, a->scratch, &f, w + i * g->o, a->scratch + r.dy, to);

		fl_matmul(&p, a->scratch + r.product);
		if (has_phases(g))
			scatter(g, &f, to, dx);
	}
}

struct rows {
	const struct fl_pass *a;
	size_t off, O;
	size_t per;		/* rows of a channel */
};

static void weight_rows(void *ctx, size_t i0, size_t i1)
{
	const struct rows *r = ctx;

	fl_pass_done(r->a, r->off + i0 * r->O, (i1 - i0) * r->O);
}

/* dy: of the group in images from b on. rows NULL: more images follow, or more groups. */
static void weight_gradient(const struct geo *g, fl_real *dw, const struct fl_pass *a,
                            const fl_real *dy, size_t b, size_t n, size_t i, struct rows *rows)
{
	struct room r = rooms(g);
	const fl_real *x = padded(g, a->x, b, n, i, a->scratch + r.x);
	fl_product p = product_dw(g, a->scratch, x, dy, dw + i * g->o, n);

	if (rows) {
		p.rows = weight_rows;
		p.ctx = rows;
	}
	fl_matmul(&p, a->scratch + r.product);
}

/* d(n) of v, or 0 where it goes nowhere; n mostly known to the compiler. */
FL_BODY void arrivals(const fl_real *restrict v, const fl_real *restrict at, fl_real *restrict d,
                      const size_t n)
{
	for (size_t i = 0; i < n; i++)
		d[i] = at[i] < FL_QUADS_NONE ? v[i] : 0;
}

/* db(O) += sums of dy(B,O,P) over images and pixels; with at, of what goes anywhere. */
FL_BODY void bias_sums_body(const fl_real *dy, const fl_real *at, fl_real *db, size_t B, size_t O,
                            size_t P)
{
	fl_real d[FL_LANES];

	for (size_t o = 0; o < O; o++) {
		struct fl_lanes s = { { 0 } };

		for (size_t b = 0; b < B; b++) {
			size_t v = (b * O + o) * P, end = v + P;

			for (; at && v + FL_LANES <= end; v += FL_LANES) {
				arrivals(dy + v, at + v, d, FL_LANES);
				FL_LANES_ADD(&s, FL_LANES, i, (double)d[i]);
			}
			if (at) {
				arrivals(dy + v, at + v, d, end - v);
				FL_LANES_ADD(&s, end - v, i, (double)d[i]);
			} else {
				FL_LANES_ADD(&s, P, i, (double)dy[v + i]);
			}
		}
		db[o] = (fl_real)((double)db[o] + fl_lanes_total(&s));
	}
}

static void bias_sums(const fl_real *dy, const fl_real *at, fl_real *db, size_t B, size_t O,
                      size_t P);
FL_ISA_FN(bias_sums, (const fl_real *dy, const fl_real *at, fl_real *db, size_t B, size_t O,
                      size_t P), (dy, at, db, B, O, P))

static void bias_gradient(const struct fl_layer *l, const struct geo *g, const struct fl_pass *a)
{
	fl_real *db = a->dw + l->off[BIAS];

	if (a->flags & FL_BACK_FIRST)
		memset(db, 0, g->O * sizeof *db);
	bias_sums(a->dy, g->pooled ? a->cache : NULL, db, a->B, g->O, g->pooled ? g->P / 4 : g->P);
	fl_pass_done(a, l->off[BIAS], g->O);
}

static void channel_rows(void *ctx, size_t c)
{
	const struct rows *r = ctx;

	weight_rows(ctx, c * r->per, (c + 1) * r->per);
}

static void backward_winograd(const struct geo *g, const fl_real *w, const struct fl_pass *a,
                              fl_real *dw, struct rows *rows)
{
	struct fl_winograd_planes dy = { a->dy, g->pooled ? a->cache : NULL };

	if (a->dx)
		fl_winograd_dx(&g->w, g->O, a->B, dy, w, a->dx, a->scratch);
	if (a->flags & FL_BACK_INPUT)
		return;
	fl_winograd_dw(&g->w, g->O, a->B, a->x, dy, dw, a->done ? channel_rows : NULL, rows,
	               a->scratch);
}

/* Images in ascending order; the inputs' gradients of a few, then the weights',
 * because done() with the last of these may change the weights. */
static void backward_direct(const struct geo *g, const fl_real *w, const struct fl_pass *a,
                            fl_real *dw, struct rows *rows)
{
	int early = a->done && g->G == 1;	/* rows of a group are no stretch of w */

	fill_windows(g, a->scratch, g->join);
	fill_outputs(g, a->scratch);
	if (a->dx)
		fill_phases(g, a->scratch);
	for (size_t b = 0, n; b < a->B; b += n) {
		const fl_real *dy;

		n = least(g->join, a->B - b);
		dy = gradients(g, a, b, n);
		for (size_t i = 0; i < g->G; i++, dy += g->o * g->P) {
			for (size_t k = 0; a->dx && k < n; k++)
				input_gradient(g, w, a, dy + k * g->O * g->P, b + k, i);
			if (a->flags & FL_BACK_INPUT)
				continue;
			weight_gradient(g, dw, a, dy, b, n, i, early && b + n == a->B ? rows : NULL);
		}
	}
	if (a->done && !early)
		weight_rows(rows, 0, g->K);
}

static void backward_from(const struct fl_layer *l, const struct fl_pass *a,
                          enum fl_conv2d_end end)
{
	const fl_real *w = a->w + l->off[WEIGHT];
	fl_real *dw = a->dw + l->off[WEIGHT];
	struct geo g;
	struct rows rows = { a, l->off[WEIGHT], 0, 0 };

	geometry(&g, l, a->B, end, NULL);
	rows.O = g.O;
	rows.per = g.w.kh * g.w.kw;
	if (a->flags & FL_BACK_FIRST)
		memset(dw, 0, g.K * g.O * sizeof *dw);
	if (by_winograd(&g))
		backward_winograd(&g, w, a, dw, &rows);
	else
		backward_direct(&g, w, a, dw, &rows);
	if (l->nparam > BIAS && !(a->flags & FL_BACK_INPUT))
		bias_gradient(l, &g, a);
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	return scratch_to(l, a->B, FL_CONV2D_BARE);
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	forward_to(l, a, FL_CONV2D_BARE);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	backward_from(l, a, FL_CONV2D_BARE);
}

static double madds(const struct fl_layer *l)
{
	struct geo g;

	geometry(&g, l, 1, FL_CONV2D_BARE, NULL);
	return (double)g.K * (double)g.P * (double)g.O;
}

const struct fl_convolution fl_conv2d_run = { scratch_to, forward_to, backward_from };

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
	.conv = &fl_conv2d_run,
	.units = FL_UNITS_OWN,
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
