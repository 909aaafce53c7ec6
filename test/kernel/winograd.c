/* Winograd's convolution against its definition, a tile at a time in the order that
 * winograd.h states, at each instruction set: the same bits. And its errors against
 * sums in double. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <string.h>

#include "conv.h"
#include "nn/winograd.h"

#define CASES 40
#define OUT ((size_t)32 << 20)

/* The layers of the presets with fewer channels, sizes around those of vectors and of
 * the blocks, then any. */
static struct shape draw(int n)
{
	static const struct shape s[] = {
		{ 5, 16, 16, 16, 50, 1, 3, 3, 1, 1, 1, 1 }, { 13, 24, 8, 8, 97, 1, 3, 3, 1, 1, 1, 1 },
		{ 2, 32, 30, 30, 20, 1, 3, 3, 1, 1, 0, 0 }, { 3, 16, 32, 32, 16, 1, 3, 3, 1, 1, 1, 1 },
		{ 1, 130, 4, 4, 49, 1, 3, 3, 1, 1, 1, 1 }, { 1, 16, 1, 260, 16, 1, 3, 3, 1, 1, 1, 1 },
		{ 2, 17, 260, 1, 18, 1, 3, 3, 1, 1, 2, 1 }, { 1, 16, 3, 3, 16, 1, 3, 3, 1, 1, 0, 0 },
	};
	struct shape r;

	if (n < (int)(sizeof s / sizeof *s))
		return s[n];
	r = (struct shape){ .B = 1 + each_below(4), .C = 16 + each_below(20), .G = 1,
		.O = 16 + each_below(40), .H = 1 + each_below(20), .W = 1 + each_below(40), .kh = 3,
		.kw = 3, .sh = 1, .sw = 1, .ph = each_below(3), .pw = each_below(3) };
	r.H += r.H + 2 * r.ph < 3 ? 3 : 0;
	r.W += r.W + 2 * r.pw < 3 ? 3 : 0;
	return r;
}

/* --- the definition --- */

/* One row of a transform. */
typedef void transform(const float *in, float *out);

static void of_input(const float *d, float *v)
{
	v[0] = d[0] - d[2];
	v[1] = d[1] + d[2];
	v[2] = d[2] - d[1];
	v[3] = d[1] - d[3];
}

static void of_weights(const float *w, float *u)
{
	u[0] = w[0];
	u[1] = ((w[0] + w[2]) + w[1]) / 2;
	u[2] = ((w[0] + w[2]) - w[1]) / 2;
	u[3] = w[2];
}

static void to_output(const float *m, float *y)
{
	y[0] = (m[0] + m[1]) + m[2];
	y[1] = (m[1] - m[2]) - m[3];
}

static void of_gradient(const float *y, float *e)
{
	e[0] = y[0];
	e[1] = y[0] + y[1];
	e[2] = y[0] - y[1];
	e[3] = -y[1];
}

static void to_weights(const float *u, float *w)
{
	float h = (u[1] + u[2]) / 2;

	w[0] = u[0] + h;
	w[1] = (u[1] - u[2]) / 2;
	w[2] = h + u[3];
}

/* out(n,to) of rows in(n,from), or, where down, out(to,n) of columns in(from,n). */
static void one(transform *f, int from, int to, int n, int down, const float *in, float *out)
{
	float a[4], b[4];

	for (int k = 0; k < n; k++) {
		for (int i = 0; i < from; i++)
			a[i] = down ? in[i * n + k] : in[k * from + i];
		f(a, b);
		for (int i = 0; i < to; i++)
			out[down ? i * n + k : k * to + i] = b[i];
	}
}

/* out(to,to) of in(from,from): columns first, or rows. */
static void columns_first(transform *f, int from, int to, const float *in, float *out)
{
	float t[16];

	one(f, from, to, from, 1, in, t);
	one(f, from, to, to, 0, t, out);
}

static void rows_first(transform *f, int from, int to, const float *in, float *out)
{
	float t[16];

	one(f, from, to, from, 0, in, t);
	one(f, from, to, to, 1, t, out);
}

/* Planes, of which a tile is cut. */
struct planes {
	const float *x;
	size_t C, H, W;
};

static void cut(const struct planes *p, size_t b, size_t c, long row, long col, int n, float *tile)
{
	for (long i = row; i < row + n; i++)
		for (long j = col; j < col + n; j++)
			*tile++ = i < 0 || j < 0 || i >= (long)p->H || j >= (long)p->W ? 0 :
			          p->x[((b * p->C + c) * p->H + (size_t)i) * p->W + (size_t)j];
}

/* Weights of a way from C channels to O. */
static float *transformed(const struct conv *c, int back)
{
	size_t C = back ? c->s.O : c->s.C, O = back ? c->s.C : c->s.O;
	float *u = malloc(C * O * 16 * sizeof *u), w[9];

	for (size_t k = 0; k < C * O; k++) {
		for (size_t i = 0; i < 9; i++)
			w[i] = back ? *weight(c, c->w, k % O, 2 - i / 3, 2 - i % 3, k / O) :
			              *weight(c, c->w, k / O, i / 3, i % 3, k % O);
		columns_first(of_weights, 3, 4, w, u + 16 * k);
	}
	return u;
}

/* One way: in convolved is out, where tile (row,col) of out meets that of in. */
struct way {
	struct planes in, out;
	long ph, pw;
	const float *u, *bias;
	int relu;
};

/* y(2,2) of output o, v(C,16) a tile of all channels. */
static void output_tile(const struct way *a, float (*v)[16], size_t o, float *y)
{
	float m[16];

	for (int k = 0; k < 16; k++) {
		m[k] = k == 5 && a->bias ? a->bias[o] : 0;
		for (size_t c = 0; c < a->in.C; c++)
			m[k] = fmaf(a->u[(c * a->out.C + o) * 16 + (size_t)k], v[c][k], m[k]);
	}
	columns_first(to_output, 4, 2, m, y);
	for (int k = 0; k < 4 && a->relu; k++)
		y[k] = y[k] < 0 ? 0 : y[k];
}

static void input_tiles(const struct planes *in, long ph, long pw, size_t b, size_t row, size_t col,
                        float (*v)[16])
{
	for (size_t c = 0; c < in->C; c++) {
		float d[16];

		cut(in, b, c, (long)row - ph, (long)col - pw, 4, d);
		rows_first(of_input, 4, 4, d, v[c]);
	}
}

/* Numbers of out that are not a's. */
static int wrong_way(const struct way *a, size_t B)
{
	const struct planes *p = &a->out;
	float (*v)[16] = malloc(a->in.C * sizeof *v), y[4];
	int wrong = 0;

	for (size_t t = 0; t < B * p->H * p->W; t++) {
		size_t b = t / p->W / p->H, row = t / p->W % p->H, col = t % p->W;

		if (row % 2 || col % 2)
			continue;
		input_tiles(&a->in, a->ph, a->pw, b, row, col, v);
		for (size_t o = 0; o < p->C; o++) {
			output_tile(a, v, o, y);
			for (size_t k = 0; k < 4; k++)
				wrong += row + k / 2 < p->H && col + k % 2 < p->W &&
				         differ(y[k], p->x[((b * p->C + o) * p->H + row + k / 2) * p->W +
				                           col + k % 2]);
		}
	}
	free(v);
	return wrong;
}

static int wrong_y(const struct conv *c, int relu)
{
	const struct shape *s = &c->s;
	struct way a = { { c->x, s->C, s->H, s->W }, { c->y, s->O, c->OH, c->OW }, (long)s->ph,
	                 (long)s->pw, NULL, c->w + c->nw, relu };
	float *u = transformed(c, 0);
	int wrong;

	a.u = u;
	wrong = wrong_way(&a, s->B) + differ(c->y[c->ny], GUARD);
	free(u);
	return wrong;
}

static int wrong_dx(const struct conv *c)
{
	const struct shape *s = &c->s;
	struct way a = { { c->dy, s->O, c->OH, c->OW }, { c->dx, s->C, s->H, s->W },
	                 2 - (long)s->ph, 2 - (long)s->pw, NULL, NULL, 0 };
	float *u = transformed(c, 1);
	int wrong;

	a.u = u;
	wrong = wrong_way(&a, s->B) + differ(c->dx[c->nx], GUARD);
	free(u);
	return wrong;
}

/* u(C,O,16) += what one tile of all channels and outputs gives. */
static void add_tile(const struct conv *c, size_t b, size_t row, size_t col, float (*v)[16],
                     float (*u)[16])
{
	const struct shape *s = &c->s;
	struct planes x = { c->x, s->C, s->H, s->W }, dy = { c->dy, s->O, c->OH, c->OW };

	input_tiles(&x, (long)s->ph, (long)s->pw, b, row, col, v);
	for (size_t o = 0; o < s->O; o++) {
		float y[4], e[16];

		cut(&dy, b, o, (long)row, (long)col, 2, y);
		rows_first(of_gradient, 2, 4, y, e);
		for (size_t n = 0; n < s->C; n++)
			for (size_t k = 0; k < 16; k++)
				u[n * s->O + o][k] = fmaf(v[n][k], e[k], u[n * s->O + o][k]);
	}
}

static int wrong_dw(const struct conv *c)
{
	const struct shape *s = &c->s;
	float (*v)[16] = malloc(s->C * sizeof *v), (*u)[16] = calloc(s->C * s->O, sizeof *u), w[9];
	int wrong = differ(c->dw[c->nw + s->O], GUARD);

	for (size_t b = 0; b < s->B; b++)
		for (size_t row = 0; row < c->OH; row += 2)
			for (size_t col = 0; col < c->OW; col += 2)
				add_tile(c, b, row, col, v, u);
	for (size_t k = 0; k < s->C * s->O; k++) {
		columns_first(to_weights, 4, 3, u[k], w);
		for (size_t i = 0; i < 9; i++)
			wrong += differ(w[i], *weight(c, c->dw, k / s->O, i / 3, i % 3, k % s->O));
	}
	free(v);
	free(u);
	return wrong;
}

/* Counts of wrong numbers, then all numbers. */
static void everywhere(void *out)
{
	int *wrong = out;
	float *o = (float *)out + 4;

	each_seed = 22;
	for (int n = 0; n < CASES; n++) {
		struct conv c;

		set_up(&c, draw(n), 0);
		run(&c, n % 2);
		wrong[0] += wrong_y(&c, n % 2);
		wrong[1] += wrong_dx(&c);
		wrong[2] += wrong_dw(&c);
		o = conv_copy(&c, o);
		tear_down(&c);
	}
}

/* --- errors --- */

/* The greatest error of y, over the root of the mean square of y. */
static double error_y(const struct conv *c)
{
	const struct shape *s = &c->s;
	double most = 0, squares = 0;

	for (size_t k = 0; k < c->ny; k++) {
		size_t p = k % (c->OH * c->OW), o = k / (c->OH * c->OW) % s->O, b = k / (c->OH * c->OW) / s->O;
		double sum = (double)c->w[c->nw + o];

		for (size_t ch = 0; ch < s->C; ch++)
			for (size_t i = 0; i < 9; i++)
				sum += (double)*weight(c, c->w, ch, i / 3, i % 3, o) *
				       (double)at(c, b, ch, p / c->OW + i / 3, p % c->OW + i % 3);
		most = fmax(most, fabs(sum - (double)c->y[k]));
		squares += sum * sum;
	}
	return most / sqrt(squares / (double)c->ny);
}

/* The same of dw, whose sums are as long as the batch. */
static double error_dw(const struct conv *c)
{
	const struct shape *s = &c->s;
	double most = 0, squares = 0;

	for (size_t k = 0; k < c->nw; k++) {
		size_t o = k % s->O, i = k / s->O % 9, ch = k / s->O / 9;
		double sum = 0;

		for (size_t p = 0; p < s->B * c->OH * c->OW; p++) {
			size_t b = p / c->OW / c->OH, row = p / c->OW % c->OH, col = p % c->OW;

			sum += (double)c->dy[((b * s->O + o) * c->OH + row) * c->OW + col] *
			       (double)at(c, b, ch, row + i / 3, col + i % 3);
		}
		most = fmax(most, fabs(sum - (double)c->dw[k]));
		squares += sum * sum;
	}
	return most / sqrt(squares / (double)c->nw);
}

static void errors(void)
{
	static const struct shape s[] = {
		{ 2, 64, 16, 16, 128, 1, 3, 3, 1, 1, 1, 1 }, { 8, 128, 8, 8, 256, 1, 3, 3, 1, 1, 1, 1 },
	};

	for (size_t k = 0; k < sizeof s / sizeof *s; k++) {
		struct conv c;
		double y, dw;

		set_up(&c, s[k], 0);
		run(&c, 0);
		y = error_y(&c);
		dw = error_dw(&c);
		ok(y < 4e-6, "outputs of %zu channels: greatest error %.2g of their scale", s[k].C, y);
		ok(dw < 4e-6, "weights' gradients of %zu channels: %.2g", s[k].C, dw);
		tear_down(&c);
	}
}

int main(void)
{
	const int *wrong = each_same("Winograd's convolutions", everywhere, OUT);

	if (wrong) {
		is_int(wrong[0], 0, "outputs that are not the definition's");
		is_int(wrong[1], 0, "inputs' gradients that are not the definition's");
		is_int(wrong[2], 0, "weights' gradients that are not the definition's");
	}
	errors();
	return tap_done();
}
