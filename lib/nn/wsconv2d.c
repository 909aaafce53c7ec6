/* Convolution with standardised weights, for networks without normalisation: each
 * output's weights W_o (K numbers) become
 *   V_o = g_o (W_o - mean_o) / sqrt(max(sum (W_o - mean_o)^2, eps))
 * and conv2d does the rest with V. Sums in double, ascending. */
#include <math.h>
#include <string.h>

#include "nn/conv2d.h"
#include "nn/lanes.h"

struct wsconv2d {
	struct fl_conv2d conv;		/* first: conv2d reads the block */
	double eps;
};

static const struct fl_param params[] = {
	FL_CONV2D_PARAMS,
	{ "eps", FL_P_REAL, offsetof(struct wsconv2d, eps), "1e-4", 0, 1, NULL, "x",
	  "least sum of squares of an output's weights" },
	{ 0 }
};

enum { WEIGHT, BIAS };	/* the gain comes last */

static unsigned gain_of(const struct fl_layer *l)
{
	return l->nparam - 1;
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	if (fl_layer_conv2d.shape(l, e))
		return -1;
	l->param[l->nparam++] = (struct fl_layer_param){
		"gain", 4, { l->out.d[0], 1, 1, 1 }, FL_PERM_NONE, FL_TRAINED
	};
	return 0;
}

static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	if (param != gain_of(l)) {
		fl_layer_conv2d.init(l, param, r, w);
		return;
	}
	for (size_t o = 0; o < l->out.d[0]; o++)
		w[o] = 1;
}

/* K and O: weights are held (K,O). */
struct sizes {
	size_t K, O;
};

static struct sizes sizes(const struct fl_layer *l)
{
	const size_t *d = l->param[WEIGHT].dim;

	return (struct sizes){ d[1] * d[2] * d[3], d[0] };
}

/* Scratch: V and the bias, the gradients of both, then the convolution's. */
static size_t lines(size_t n)
{
	return (n + FL_LANES - 1) / FL_LANES * FL_LANES;
}

static size_t vector(struct sizes s)
{
	return lines(s.K * s.O) + lines(s.O);
}

static size_t scratch_to(const struct fl_layer *l, size_t B, enum fl_conv2d_end end)
{
	return 2 * vector(sizes(l)) + fl_conv2d_run.scratch(l, B, end);
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	return scratch_to(l, a->B, FL_CONV2D_BARE);
}

/* Mean and 1/sqrt(max(sum of squares, eps)) of n columns of w(K,O); free: whether
 * the sum of squares, and not eps, decided. */
struct columns {
	double mean[FL_LANES], inv[FL_LANES];
	int free[FL_LANES];
};

static void measure(const fl_real *w, struct sizes s, size_t n, double eps, struct columns *c)
{
	double sum[FL_LANES] = { 0 }, sq[FL_LANES] = { 0 };

	for (size_t k = 0; k < s.K; k++)
		for (size_t j = 0; j < n; j++)
			sum[j] += (double)w[k * s.O + j];
	for (size_t j = 0; j < n; j++)
		c->mean[j] = sum[j] / (double)s.K;
	for (size_t k = 0; k < s.K; k++)
		for (size_t j = 0; j < n; j++) {
			double d = (double)w[k * s.O + j] - c->mean[j];

			sq[j] += d * d;
		}
	for (size_t j = 0; j < n; j++) {
		c->free[j] = sq[j] > eps;
		c->inv[j] = 1 / sqrt(sq[j] > eps ? sq[j] : eps);
	}
}

static size_t width(size_t o, size_t O)
{
	return O - o < FL_LANES ? O - o : FL_LANES;
}

static void standardise(const struct fl_layer *l, const fl_real *w, fl_real *v)
{
	struct sizes s = sizes(l);
	const fl_real *gain = w + l->off[gain_of(l)];
	struct columns c;

	w += l->off[WEIGHT];
	for (size_t o = 0; o < s.O; o += FL_LANES) {
		size_t n = width(o, s.O);

		measure(w + o, s, n, ((const struct wsconv2d *)l->p)->eps, &c);
		for (size_t k = 0; k < s.K; k++)
			for (size_t j = 0; j < n; j++)
				v[k * s.O + o + j] = (fl_real)((double)gain[o + j] * c.inv[j] *
				                     ((double)w[k * s.O + o + j] - c.mean[j]));
	}
}

/* The layer as a convolution over the vector of V and bias. */
static struct fl_layer plain(const struct fl_layer *l)
{
	struct fl_layer conv = *l;

	conv.nparam--;
	conv.off[WEIGHT] = 0;
	conv.off[BIAS] = lines(sizes(l).K * sizes(l).O);
	return conv;
}

/* The pass of that convolution; V and bias are filled in, gradients zeroed. */
static struct fl_pass inner(const struct fl_layer *l, const struct fl_layer *conv,
                            const struct fl_pass *a)
{
	struct sizes s = sizes(l);
	struct fl_pass b = *a;

	standardise(l, a->w, a->scratch);
	if (conv->nparam > BIAS)
		memcpy(a->scratch + conv->off[BIAS], a->w + l->off[BIAS], s.O * sizeof *a->w);
	b.w = a->scratch;
	b.dw = a->scratch + vector(s);
	b.scratch = a->scratch + 2 * vector(s);
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

/* Gradients of n columns: dv(K,O) -> dw (added) and dgain (added). */
static void columns_backward(const fl_real *w, const fl_real *dv, struct sizes s, size_t n,
                             const struct columns *c, const fl_real *gain, fl_real *dw,
                             fl_real *dgain)
{
	double sum[FL_LANES] = { 0 }, along[FL_LANES] = { 0 };

	for (size_t k = 0; k < s.K; k++)
		for (size_t j = 0; j < n; j++) {
			double g = (double)dv[k * s.O + j];

			sum[j] += g;
			along[j] += g * ((double)w[k * s.O + j] - c->mean[j]) * c->inv[j];
		}
	for (size_t k = 0; k < s.K; k++)
		for (size_t j = 0; j < n; j++) {
			double h = ((double)w[k * s.O + j] - c->mean[j]) * c->inv[j];
			double g = (double)dv[k * s.O + j] - sum[j] / (double)s.K;

			dw[k * s.O + j] += (fl_real)((double)gain[j] * c->inv[j] *
			                   (g - (c->free[j] ? h * along[j] : 0)));
		}
	for (size_t j = 0; j < n; j++)
		dgain[j] += (fl_real)along[j];
}

static size_t count(const struct fl_layer *l, unsigned param)
{
	return param == WEIGHT ? sizes(l).K * sizes(l).O : sizes(l).O;
}

static void backward_from(const struct fl_layer *l, const struct fl_pass *a,
                          enum fl_conv2d_end end)
{
	struct fl_layer conv = plain(l);
	struct fl_pass b = inner(l, &conv, a);
	struct sizes s = sizes(l);
	size_t gain = l->off[gain_of(l)];
	struct columns c;

	fl_conv2d_run.backward(&conv, &b, end);
	if (a->flags & FL_BACK_INPUT)
		return;
	for (unsigned j = 0; j < l->nparam && a->flags & FL_BACK_FIRST; j++)
		memset(a->dw + l->off[j], 0, count(l, j) * sizeof *a->dw);
	for (size_t o = 0; o < s.O; o += FL_LANES) {
		const fl_real *w = a->w + l->off[WEIGHT] + o;

		measure(w, s, width(o, s.O), ((const struct wsconv2d *)l->p)->eps, &c);
		columns_backward(w, b.dw + o, s, width(o, s.O), &c, a->w + gain + o,
		                 a->dw + l->off[WEIGHT] + o, a->dw + gain + o);
	}
	for (size_t o = 0; o < s.O && conv.nparam > BIAS; o++)
		a->dw[l->off[BIAS] + o] += b.dw[conv.off[BIAS] + o];
	for (unsigned j = 0; j < l->nparam; j++)
		fl_pass_done(a, l->off[j], count(l, j));
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	backward_from(l, a, FL_CONV2D_BARE);
}

static double madds(const struct fl_layer *l)
{
	return fl_layer_conv2d.madds(l);
}

static const struct fl_convolution convolution = { scratch_to, forward_to, backward_from };

const struct fl_layer_entry fl_layer_wsconv2d = {
	.e = {
		.name = "wsconv2d",
		.title = "Weight-standardised convolution",
		.cite = "Brock et al., ICML 2021; in federated learning: Zhuang and Lyu, ICLR 2024",
		.doc = "convolution whose weights have mean 0 and norm 1, times a gain",
		.params = params,
		.psize = sizeof(struct wsconv2d),
		.formula = "V = g (W - mean) / sqrt(max(sum (W - mean)^2, eps)); y = conv2d(V, x) + b",
	},
	.conv = &convolution,
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
