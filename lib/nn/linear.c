/* Fully connected layer: y(B,O) = x(B,I) w(I,O) + b(O); the record holds w as
 * PyTorch does, (O,I).
 *
 * dx = dy w^T; db = sum of dy's rows in ascending order, in double, rounded once;
 * dw = x^T dy, a block of w's rows at a time, so that an optimiser can update
 * the block while it is in cache: each block in the place of the one before. */
#include <math.h>
#include <string.h>

#include "nn/lanes.h"
#include "nn/linear.h"

static const char *const init_name[] = { "torch", "zero", "glorot", NULL };

const struct fl_param fl_linear_params[] = {
	{ "out", FL_P_INT, offsetof(struct fl_linear, out), NULL, 1, 1 << 24, NULL, "n",
	  "outputs; must be given" },
	{ "bias", FL_P_BOOL, offsetof(struct fl_linear, bias), "on", 0, 0, NULL, NULL,
	  "whether a bias is added" },
	{ "init", FL_P_ENUM, offsetof(struct fl_linear, init), NULL, 0, 0, init_name, "how",
	  "initial weights: torch, its default, zero, glorot; unset: torch" },
	{ 0 }
};

enum { WEIGHT, BIAS };

enum {
	BLOCK = 4096,		/* numbers of dw at a time: a third of the first-level cache */
	ROWS = 12		/* the height of most register tiles */
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct fl_linear *p = l->p;
	char buf[128];

	if (p->out == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "key 'out' is missing");
	if (l->in.ndim != 1)
		return fl_fail(e, FL_EUSAGE, "input is %s, not a vector; put a flatten layer before",
		               fl_shape_str(&l->in, buf, sizeof buf));
	l->out = (struct fl_shape){ 1, { (size_t)p->out } };
	l->nparam = p->bias ? 2 : 1;
	l->param[WEIGHT] = (struct fl_layer_param){
		"weight", 2, { l->out.d[0], l->in.d[0] }, FL_PERM_TRANSPOSE, FL_TRAINED
	};
	l->param[BIAS] = (struct fl_layer_param){ "bias", 1, { l->out.d[0] }, FL_PERM_NONE, FL_TRAINED };
	return 0;
}

/* torch.nn.Linear: kaiming_uniform with a = sqrt(5), which is U(-1/sqrt(I), 1/sqrt(I)).
 * Glorot's uniform weights are U(-b, b) with b = sqrt(6 / (I + O)), beside zero biases. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	size_t I = l->in.d[0], O = l->out.d[0], cols = param == WEIGHT ? I : 1;
	int how = ((const struct fl_linear *)l->p)->init, glorot = how == FL_LINEAR_GLOROT;
	double bound = glorot ? sqrt(6 / ((double)I + (double)O)) : 1 / sqrt((double)I);

	if (how == FL_LINEAR_ZERO || (glorot && param == BIAS))
		return;		/* the vector is zero before */
	for (size_t o = 0; o < O; o++)
		for (size_t i = 0; i < cols; i++)
			w[i * O + o] = (fl_real)(bound * (2 * fl_rng_real(r) - 1));
}

static fl_product product_y(const struct fl_layer *l, const struct fl_pass *a)
{
	int bias = l->nparam > BIAS;

	return (fl_product){
		.M = a->B, .N = l->out.d[0], .K = l->in.d[0],
		.a = a->x, .lda = l->in.d[0],
		.b = a->w + l->off[WEIGHT], .ldb = l->out.d[0],
		.c = a->y, .ldc = l->out.d[0],
		.start = bias ? FL_GEMM_BIAS : FL_GEMM_ZERO,
		.bias = bias ? a->w + l->off[BIAS] : NULL,
		.precision = a->precision,
	};
}

static fl_product product_dx(const struct fl_layer *l, const struct fl_pass *a)
{
	return (fl_product){
		.M = a->B, .N = l->in.d[0], .K = l->out.d[0],
		.a = a->dy, .lda = l->out.d[0],
		.b = a->w + l->off[WEIGHT], .ldb = l->out.d[0], .tb = 1,
		.c = a->dx, .ldc = l->in.d[0],
		.precision = a->precision,
	};
}

static fl_product product_dw(const struct fl_layer *l, const struct fl_pass *a)
{
	return (fl_product){
		.M = l->in.d[0], .N = l->out.d[0], .K = a->B,
		.a = a->x, .lda = l->in.d[0], .ta = 1,
		.b = a->dy, .ldb = l->out.d[0],
		.c = a->dw + l->off[WEIGHT], .ldc = l->out.d[0],
		.start = a->flags & FL_BACK_FIRST ? FL_GEMM_ZERO : FL_GEMM_ADD,
		.precision = a->precision,
	};
}

/* By this thread alone, as where an optimiser follows row by row, or by all; in the
 * pass's precision or in F32. */
static size_t room(const fl_product *p, int threads)
{
	size_t one = fl_matmul_par_scratch(p, 1), all = fl_matmul_par_scratch(p, threads);
	size_t most = one > all ? one : all, n;
	fl_product plain = *p;

	plain.precision = FL_GEMM_F32;
	if (p->precision != FL_GEMM_F32 && (n = room(&plain, threads)) > most)
		most = n;
	return most;
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_real none[1] = { 0 };
	struct fl_layer at0 = *l;
	struct fl_pass some = { .B = a->B, .x = none, .y = none, .w = none, .dy = none, .dx = none,
	                        .dw = none, .precision = a->precision };
	fl_product y, dx, dw;
	size_t n, m;

	at0.off[WEIGHT] = at0.off[BIAS] = 0;
	y = product_y(&at0, &some);
	dx = product_dx(&at0, &some);
	dw = product_dw(&at0, &some);
	n = room(&y, a->threads);
	if ((m = room(&dx, a->threads)) > n)
		n = m;
	if ((m = room(&dw, a->threads)) > n)
		n = m;
	return n;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_product y = product_y(l, a);

	fl_matmul_par(&y, a->scratch, a->threads);
}

void fl_linear_relu(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_product y = product_y(l, a);

	y.relu = 1;
	fl_matmul_par(&y, a->scratch, a->threads);
}

static void bias_backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t O = l->out.d[0];
	fl_real *db = a->dw + l->off[BIAS];

	if (a->flags & FL_BACK_FIRST)
		for (size_t o = 0; o < O; o++)
			db[o] = 0;
	fl_column_sums(a->dy, db, a->B, O);
	fl_pass_done(a, l->off[BIAS], O);
}

struct rows {
	const struct fl_layer *l;
	const struct fl_pass *a;
};

static void weight_rows(void *ctx, size_t i0, size_t i1)
{
	const struct rows *r = ctx;
	size_t O = r->l->out.d[0];

	fl_pass_done(r->a, r->l->off[WEIGHT] + i0 * O, (i1 - i0) * O);
}

/* Blocks of rows of dw, each in the place of the first. */
static void weight_blocks(const struct fl_layer *l, const struct fl_pass *a, fl_product p)
{
	size_t I = p.M, O = p.N, most = BLOCK / O / ROWS * ROWS;

	most = most ? most : ROWS;
	for (size_t i = 0; i < I; i += p.M, p.a += p.M) {
		p.M = I - i < most ? I - i : most;
		fl_matmul(&p, a->scratch);
		a->done(a->ctx, l->off[WEIGHT] + i * O, p.M * O, p.c);
	}
}

/* Whole, where dy is laid out for the product first. */
static void weight_backward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_product p = product_dw(l, a);
	struct rows r = { l, a };

	if (a->done && a->flags & FL_BACK_FIRST && !fl_matmul_scratch(&p)) {
		weight_blocks(l, a, p);
		return;
	}
	p.rows = a->done ? weight_rows : NULL;
	p.ctx = &r;
	fl_matmul_par(&p, a->scratch, a->done ? 1 : a->threads);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	if (a->dx) {		/* first: done() may change the weights */
		fl_product p = product_dx(l, a);

		fl_matmul_par(&p, a->scratch, a->threads);
	}
	if (a->flags & FL_BACK_INPUT)
		return;
	if (l->param[WEIGHT].kind != FL_TRAINED) {
		memset(a->dw + l->off[WEIGHT], 0, l->in.d[0] * l->out.d[0] * sizeof *a->dw);
		return;
	}
	weight_backward(l, a);
	if (l->nparam > BIAS)
		bias_backward(l, a);
}

static double madds(const struct fl_layer *l)
{
	return (double)l->in.d[0] * (double)l->out.d[0];
}

const struct fl_layer_entry fl_layer_linear = {
	.e = {
		.name = "linear",
		.title = "Linear",
		.cite = "Rosenblatt, Psychological Review 65, 1958",
		.doc = "fully connected layer with bias",
		.params = fl_linear_params,
		.psize = sizeof(struct fl_linear),
		.formula = "y = W x + b",
	},
	.units = FL_UNITS_OWN,
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
