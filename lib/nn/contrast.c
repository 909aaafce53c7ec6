/* Losses over a matrix of pairs. */
#include "nn/contrast.h"

#include <math.h>

#include "base/fmath.h"
#include "nn/act.h"
#include "nn/lanes.h"

const char *const fl_direction_name[] = { "both", "t2i", "i2t", NULL };

/* More threads have smaller shares, whose products may want less in all. */
size_t fl_loss_product_scratch(const fl_product *q)
{
	fl_product either = *q;
	size_t most = 0, n;

	for (int t = 1; t <= FL_LOSS_THREADS; t++)
		for (int p = FL_GEMM_F32; p <= FL_GEMM_BF16; p++) {
			either.precision = (enum fl_gemm_precision)p;
			most = (n = fl_matmul_par_scratch(&either, t)) > most ? n : most;
		}
	return most;
}

FL_BODY void fl_row_squares_body(const fl_real *x, double *n, size_t B, size_t d, size_t ld)
{
	for (size_t b = 0; b < B; b++, x += ld) {
		struct fl_lanes s = { { 0 } };

		FL_LANES_ADD(&s, d, i, (double)x[i] * (double)x[i]);
		n[b] = fl_lanes_total(&s);
	}
}
FL_ISA_FN(fl_row_squares, (const fl_real *x, double *n, size_t B, size_t d, size_t ld),
          (x, n, B, d, ld))

double fl_row_dot(const fl_real *x, const fl_real *y, size_t d)
{
	struct fl_lanes s = { { 0 } };

	FL_LANES_ADD(&s, d, i, (double)x[i] * (double)y[i]);
	return fl_lanes_total(&s);
}

double fl_posterior_unit(float *mean, const fl_real *x, size_t b, size_t d)
{
	double n;

	fl_row_squares(x, &n, 1, d, d);
	n = sqrt(n);
	for (size_t k = 0; mean && k < d; k++)
		mean[b * d + k] = n > 0 ? (float)((double)x[k] / n) : 0;
	return n;
}

/* Columns: largest logit, sum of exp(t - max) and its reciprocal; two rows of room. */
struct columns {
	fl_real *max, *inv, *e, *p;	/* (B) */
	double *sum;			/* (B) */
};

enum { DOUBLES = 1, REALS = 4 };

size_t fl_contrast_room(size_t B)
{
	return B * (DOUBLES * sizeof(double) / sizeof(fl_real) + REALS);
}

static struct columns columns_in(const struct fl_contrast *c)
{
	size_t B = c->B;
	fl_real *r = c->room + B * DOUBLES * sizeof(double) / sizeof(fl_real);

	return (struct columns){ r, r + B, r + 2 * B, r + 3 * B, (double *)(void *)c->room };
}

FL_BODY void column_max_body(const fl_real *t, fl_real *max, size_t B)
{
	for (size_t j = 0; j < B; j++)
		max[j] = t[j];
	for (size_t i = 1; i < B; i++)
		for (size_t j = 0; j < B; j++)
			max[j] = t[i * B + j] > max[j] ? t[i * B + j] : max[j];
}
static void column_max(const fl_real *t, fl_real *max, size_t B);
FL_ISA_FN(column_max, (const fl_real *t, fl_real *max, size_t B), (t, max, B))

FL_BODY void minus_body(const fl_real *t, const fl_real *max, fl_real *e, size_t B)
{
	for (size_t j = 0; j < B; j++)
		e[j] = t[j] - max[j];
}
static void minus(const fl_real *t, const fl_real *max, fl_real *e, size_t B);
FL_ISA_FN(minus, (const fl_real *t, const fl_real *max, fl_real *e, size_t B), (t, max, e, B))

FL_BODY void add_to_body(const fl_real *x, double *sum, size_t B)
{
	for (size_t j = 0; j < B; j++)
		sum[j] += (double)x[j];
}
static void add_to(const fl_real *x, double *sum, size_t B);
FL_ISA_FN(add_to, (const fl_real *x, double *sum, size_t B), (x, sum, B))

/* g = p row + e column, p and e the softmaxes of a row and of its columns. */
FL_BODY void mix_body(const fl_real *p, fl_real row, const fl_real *e, const fl_real *inv,
                      fl_real column, fl_real *g, size_t B)
{
	for (size_t j = 0; j < B; j++)
		g[j] = p[j] * row + e[j] * inv[j] * column;
}
static void mix(const fl_real *p, fl_real row, const fl_real *e, const fl_real *inv,
                fl_real column, fl_real *g, size_t B);
FL_ISA_FN(mix, (const fl_real *p, fl_real row, const fl_real *e, const fl_real *inv,
                fl_real column, fl_real *g, size_t B), (p, row, e, inv, column, g, B))

FL_BODY double sum_of_body(const fl_real *x, size_t n)
{
	struct fl_lanes s = { { 0 } };

	FL_LANES_ADD(&s, n, i, (double)x[i]);
	return fl_lanes_total(&s);
}
static double sum_of(const fl_real *x, size_t n)
{
	return sum_of_body(x, n);
}

/* Sum over columns of log-sum-exp minus the diagonal. */
static double column_sums(const struct fl_contrast *c, struct columns *s)
{
	size_t B = c->B;
	double loss = 0;

	column_max(c->t, s->max, B);
	for (size_t j = 0; j < B; j++)
		s->sum[j] = 0;
	for (size_t i = 0; i < B; i++) {
		minus(c->t + i * B, s->max, s->e, B);
		fl_act_exp(s->e, s->e, B);
		add_to(s->e, s->sum, B);
	}
	for (size_t j = 0; j < B; j++) {
		s->inv[j] = (fl_real)(1 / s->sum[j]);
		loss += (double)s->max[j] - (double)c->t[j * B + j] + fl_log(s->sum[j]);
	}
	return loss;
}

/* Row i of t becomes the gradient. */
static void row_gradient(struct fl_contrast *c, struct columns *s, size_t i, fl_real row,
                         fl_real column)
{
	size_t B = c->B;
	fl_real *t = c->t + i * B;

	if (column > 0) {
		minus(t, s->max, s->e, B);
		fl_act_exp(s->e, s->e, B);
	} else {
		for (size_t j = 0; j < B; j++)
			s->e[j] = s->inv[j] = 0;
	}
	mix(s->p, row, s->e, s->inv, column, t, B);
	t[i] -= row + column;
	add_to(t, c->columns, B);
	if (c->rows)
		c->rows[i] = sum_of(t, B);
}

double fl_contrast_softmax(struct fl_contrast *c, int grad)
{
	size_t B = c->B;
	double row = c->direction == FL_BOTH ? .5 : c->direction == FL_I2T, column = 1 - row;
	double loss = 0;
	struct columns s = columns_in(c);

	if (column > 0)
		loss = column * column_sums(c, &s);
	for (size_t j = 0; grad && j < B; j++)
		c->columns[j] = 0;
	for (size_t i = 0; i < B; i++) {
		fl_real lse, own = c->t[i * B + i];

		fl_act_softmax(c->t + i * B, s.p, &lse, 1, B);
		loss += row * ((double)lse - (double)own);
		if (grad)
			row_gradient(c, &s, i, (fl_real)(row / (double)B), (fl_real)(column / (double)B));
	}
	return loss / (double)B;
}

double fl_contrast_sigmoid(struct fl_contrast *c, double scale, int grad)
{
	size_t B = c->B;
	struct columns s = columns_in(c);
	double loss = 0;

	for (size_t j = 0; grad && j < B; j++)
		c->columns[j] = 0;
	for (size_t i = 0; i < B; i++) {
		fl_real *t = c->t + i * B, own = t[i];

		t[i] = -own;
		fl_act_softplus(t, s.p, B);
		t[i] = own;
		loss += sum_of(s.p, B);
		if (!grad)
			continue;
		fl_act_sigmoid(t, s.e, B);
		s.p[0] = -own;		/* 1 - sigmoid(own), without the difference */
		fl_act_sigmoid(s.p, s.p, 1);
		s.e[i] = -s.p[0];
		for (size_t j = 0; j < B; j++)
			t[j] = s.e[j] * (fl_real)scale;
		add_to(t, c->columns, B);
		if (c->rows)
			c->rows[i] = sum_of(t, B);
	}
	return loss * scale;
}
