/* Products: the same bits at each instruction set, the right values, nothing
 * written outside c, and rows() told the truth. */
#define _DEFAULT_SOURCE
#include <stdint.h>

#include "each.h"
#include "kernel/gemm.h"

#define CASES 400
#define GUARD 37.5f
#define OUT ((size_t)24 << 20)

struct ctx {
	const float *c;
	float *seen;
	size_t next, ldc, N;
	int bad;
};

static void saw(void *p, size_t i0, size_t i1)
{
	struct ctx *x = p;

	if (i0 != x->next || i1 <= i0)
		x->bad = 1;
	for (size_t i = i0; i < i1; i++)
		memcpy(x->seen + i * x->N, x->c + i * x->ldc, x->N * sizeof(float));
	x->next = i1;
}

static float *fill(size_t n, int special)
{
	float *p = malloc((n + 1) * sizeof *p);

	for (size_t i = 0; i < n; i++) {
		p[i] = each_real();
		if (special && !each_below(50))
			p[i] = (float[]){ INFINITY, -INFINITY, NAN, 1e-42f, -0.f, 3e38f }[each_below(6)];
	}
	return p;
}

static size_t some(void)
{
	static const size_t edge[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 96, 97, 128 };

	return each_below(2) ? edge[each_below(sizeof edge / sizeof *edge)] : each_below(70);
}

struct product {
	struct fl_gemm g;
	float *a, *b, *bias, *c, *scratch;
	uint32_t *at;		/* offsets of both operands */
	size_t nc;
};

/* What a product's bits say. */
enum { TA = 1, TB = 2, RELU = 4, BIAS = 8, ROW_BIAS = 16, ADD = 24, OFF = 64, PAD = 128,
       SPECIAL = 256, A_APART = 512, B_APART = 1024, BF16 = 2048 };

/* n offsets below limit, where limit - n is not less than 0: runs side by side of
 * 1 to 40, gaps between them, or steps of one length, or any. */
static void offsets(uint32_t *at, size_t n, size_t limit)
{
	size_t kind = each_below(3), step = 1 + each_below(n ? limit / n : 1), next = 0, run = 0;

	for (size_t i = 0; i < n; i++) {
		if (kind == 0) {
			if (!run) {
				run = 1 + each_below(40);
				next += each_below(limit - next - (n - i) + 1);
			}
			run--;
			at[i] = (uint32_t)next++;
		} else {
			at[i] = (uint32_t)(kind == 1 ? i * step : each_below(limit));
		}
	}
}

#define ROOM 3000		/* numbers that the rows, and the columns, of offsets span */

static void set_apart(struct product *p, unsigned bits)
{
	struct fl_gemm *g = &p->g;
	uint32_t *at = p->at = malloc((g->M + 2 * g->K + g->N + 1) * sizeof *at);

	offsets(at, g->M, ROOM);
	offsets(at + g->M, g->K, ROOM);
	offsets(at + g->M + g->K, g->K, ROOM);
	offsets(at + g->M + 2 * g->K, g->N, ROOM);
	if (bits & A_APART) {
		g->ai = at;
		g->ak = at + g->M;
	}
	if (bits & B_APART) {
		g->bk = at + g->M + g->K;
		g->bj = at + g->M + 2 * g->K;
	}
}

static void shape(struct product *p, size_t M, size_t K, size_t N, unsigned bits)
{
	struct fl_gemm *g = &p->g;
	size_t off = bits & OFF ? each_below(5) : 0, pad = bits & PAD ? each_below(5) : 0;
	size_t na, nb;

	*g = (struct fl_gemm){
		.M = M, .N = N, .K = K, .ta = !!(bits & TA), .tb = !!(bits & TB),
		.relu = !!(bits & RELU), .start = bits / BIAS & 3,
		.precision = bits & BF16 ? FL_GEMM_BF16 : FL_GEMM_F32,
	};
	g->lda = (g->ta ? M : K) + pad;
	g->ldb = (g->tb ? K : N) + pad;
	g->ldc = N + pad;
	na = bits & A_APART ? 2 * ROOM : (g->ta ? K : M) * g->lda;
	nb = bits & B_APART ? 2 * ROOM : (g->tb ? N : K) * g->ldb;
	p->a = fill(na + off, !!(bits & SPECIAL));
	p->b = fill(nb + off, !!(bits & SPECIAL));
	p->bias = fill(M + N, 0);
	p->nc = M * g->ldc + off + 64;
	p->c = malloc(p->nc * sizeof(float));
	for (size_t i = 0; i < p->nc; i++)
		p->c[i] = GUARD;
	set_apart(p, bits);
	p->scratch = aligned_alloc(64, (fl_gemm_scratch(g) * sizeof(float) + 127) / 64 * 64);
	g->a = p->a + off;
	g->b = p->b + off;
	g->c = p->c + 32 + off;
	g->bias = p->bias;
}

static void done(struct product *p)
{
	free(p->a);
	free(p->at);
	free(p->b);
	free(p->bias);
	free(p->c);
	free(p->scratch);
}

/* Which NaN is not promised. */
static void one_nan(float *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isnan(p[i]))
			p[i] = NAN;
}

static float *product_out(struct product *p, float *out)
{
	fl_gemm(&p->g, p->scratch);
	one_nan(p->c, p->nc);
	memcpy(out, p->c, p->nc * sizeof(float));
	return out + p->nc;
}

static void random_cases(void *out)
{
	float *o = out;

	each_seed = 7;
	for (int i = 0; i < CASES; i++) {
		struct product p;
		size_t M = some(), K = some(), N = some();

		shape(&p, M, K, N, (unsigned)each_word() & (i % 4 ? 0x6ff : 0x7ff));
		o = product_out(&p, o);
		done(&p);
	}
}

/* Rounded operands: also so small that products and sums are not normal numbers. */
static void bf16_cases(void *out)
{
	static const float scale[] = { 1, 0x1p-64f, 0x1p-62f, 0x1p-125f };
	float *o = out;

	each_seed = 13;
	for (int i = 0; i < CASES; i++) {
		struct product p;
		size_t M = some(), K = some() * (i % 16 ? 1 : 20), N = some();
		float by = scale[i % 4];

		shape(&p, M, K, N, ((unsigned)each_word() & 0x1df) | BF16);
		for (size_t j = 0; j < p.nc; j++)
			p.c[j] *= by * by;
		for (size_t j = 0; j < (p.g.ta ? K : M) * p.g.lda; j++)
			p.a[j] *= by;
		for (size_t j = 0; j < (p.g.tb ? N : K) * p.g.ldb; j++)
			p.b[j] *= by;
		o = product_out(&p, o);
		done(&p);
	}
}

/* The layers of the perceptrons, whole and in parts, and shapes that pack and
 * cut k. */
static void layer_cases(void *out)
{
	static const size_t s[][4] = {	/* M, K, N, bits */
		{ 32, 784, 128, BIAS | RELU }, { 7, 784, 128, BIAS | RELU }, { 1, 784, 128, BIAS | RELU },
		{ 32, 128, 64, BIAS | RELU }, { 32, 64, 10, BIAS }, { 32, 10, 64, TB }, { 32, 64, 128, TB },
		{ 784, 32, 128, TA }, { 128, 32, 64, TA }, { 64, 32, 10, TA | ADD },
		{ 70, 1100, 130, BIAS | RELU }, { 70, 1100, 130, TB | ADD }, { 3, 1030, 70, ADD | RELU },
		{ 400, 1030, 70, TB | ADD }, { 390, 30, 70, B_APART }, { 30, 1100, 100, TA | ROW_BIAS | B_APART },
		{ 100, 1100, 70, A_APART | B_APART | ADD | RELU }, { 130, 64, 80, A_APART | TB | ADD },
		{ 400, 100, 100, BIAS | RELU }, { 399, 97, 65, TA | TB | SPECIAL }, { 500, 1100, 70, TA | ADD },
		{ 390, 130, 100, A_APART | B_APART | ROW_BIAS }, { 400, 2500, 70, BF16 | BIAS | RELU },
		{ 97, 301, 65, BF16 | TB }, { 97, 300, 65, BF16 | TA | ADD }
	};
	float *o = out;

	each_seed = 11;
	for (size_t i = 0; i < sizeof s / sizeof *s; i++) {
		struct product p;

		shape(&p, s[i][0], s[i][1], s[i][2], (unsigned)s[i][3]);
		o = product_out(&p, o);
		done(&p);
	}
}

static double exact(const struct fl_gemm *g, size_t i, size_t j, double start, double *size)
{
	double s = start;

	*size = fabs(s);
	for (size_t k = 0; k < g->K; k++) {
		size_t at = g->ai ? g->ai[i] + g->ak[k] : g->ta ? k * g->lda + i : i * g->lda + k;
		size_t bt = g->bj ? g->bk[k] + g->bj[j] : g->tb ? j * g->ldb + k : k * g->ldb + j;
		double t = (double)g->a[at] * (double)g->b[bt];

		s += t;
		*size += fabs(t);
	}
	return g->relu && s < 0 ? 0 : s;
}

/* Against double, at this processor's best: a chain of K roundings errs by at
 * most K 2^-24 of the sum of magnitudes. */
static void values(void)
{
	int wrong = 0, outside = 0;

	each_seed = 3;
	for (int n = 0; n < CASES; n++) {
		struct product p;
		size_t M = some(), K = some(), N = some(), guards = 0;
		double size, want;

		shape(&p, M, K, N, (unsigned)each_word() & 0x6ff);
		fl_gemm(&p.g, p.scratch);
		for (size_t i = 0; i < M; i++)
			for (size_t j = 0; j < N; j++) {
				double start = p.g.start == FL_GEMM_BIAS ? (double)p.bias[j] :
				               p.g.start == FL_GEMM_ROW_BIAS ? (double)p.bias[i] :
				               p.g.start == FL_GEMM_ADD ? (double)GUARD : 0;

				want = exact(&p.g, i, j, start, &size);
				wrong += !(fabs((double)p.g.c[i * p.g.ldc + j] - want) <=
				           (double)(K + 1) * 0x1p-24 * size);
				p.g.c[i * p.g.ldc + j] = 0;
			}
		for (size_t i = 0; i < p.nc; i++)
			guards += p.c[i] == GUARD;
		outside += guards != p.nc - M * N;
		done(&p);
	}
	is_int(wrong, 0, "elements farther from the exact product than K roundings");
	is_int(outside, 0, "products that wrote outside c");
}

static void callbacks(void)
{
	int bad = 0;

	each_seed = 5;
	for (int n = 0; n < CASES; n++) {
		struct product p;
		struct ctx x = { 0 };

		shape(&p, some() * (n % 8 ? 1 : 9), some(), some(),
		      (unsigned)each_word() & (n % 3 ? 0x6ff : 0x8ff));
		x = (struct ctx){ .c = p.g.c, .ldc = p.g.ldc, .N = p.g.N };
		x.seen = malloc((p.g.M * p.g.N + 1) * sizeof(float));
		p.g.rows = saw;
		p.g.ctx = &x;
		fl_gemm(&p.g, p.scratch);
		bad += x.bad || x.next != p.g.M;
		for (size_t i = 0; i < p.g.M; i++)
			bad += !!memcmp(x.seen + i * x.N, p.g.c + i * x.ldc, x.N * sizeof(float));
		free(x.seen);
		done(&p);
	}
	is_int(bad, 0, "rows() sees every row once, in order, final");
}

/* The same bits whatever the number of threads. */
static void threads(void)
{
	static const int count[] = { 1, 2, 3, 7 };
	int bad = 0;

	each_seed = 9;
	for (int n = 0; n < CASES; n++) {
		struct product p;
		int t = count[n % 4];
		float *one, *room;

		shape(&p, some() * (n % 8 ? 1 : 9), some(), some(),
		      (unsigned)each_word() & (n % 3 ? 0x6ff : 0x8ff));
		one = malloc(p.nc * sizeof *one);
		room = aligned_alloc(64, fl_gemm_par_scratch(&p.g, t) * sizeof *room + 64);
		memcpy(one, p.c, p.nc * sizeof *one);
		fl_gemm_par(&p.g, room, t);
		for (size_t i = 0; i < p.nc; i++) {
			float v = p.c[i];

			p.c[i] = one[i];
			one[i] = v;
		}
		fl_gemm(&p.g, p.scratch);
		bad += !!memcmp(one, p.c, p.nc * sizeof *one);
		free(one);
		free(room);
		done(&p);
	}
	is_int(bad, 0, "1, 2, 3 and 7 threads give the bits of one");
}

static void in_double(void)
{
	static const double a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 1, -1, 2, 0, 1, 1 }, bias[] = { .5, -20 };
	double c[4];
	struct fl_gemm64 g = { .M = 2, .N = 2, .K = 3, .a = a, .b = b, .c = c, .lda = 3, .ldb = 2,
		.ldc = 2, .start = FL_GEMM_BIAS, .bias = bias, .relu = 1 };

	fl_gemm64(&g);
	ok(c[0] == 8.5 && c[1] == 0 && c[2] == 20.5 && c[3] == 0, "double: bias and relu");
	g.ta = g.tb = 1;
	g.lda = 2;
	g.ldb = 3;
	g.start = FL_GEMM_ZERO;
	fl_gemm64(&g);	/* (1 3 5; 2 4 6) (1 0; -1 1; 2 1) */
	ok(c[0] == 8 && c[1] == 8 && c[2] == 10 && c[3] == 10, "double: both transposed");
	g.ai = (const uint32_t[]){ 0, 1 };
	g.ak = (const uint32_t[]){ 0, 2, 4 };
	g.bk = (const uint32_t[]){ 0, 1, 2 };
	g.bj = (const uint32_t[]){ 3, 0 };
	g.start = FL_GEMM_ROW_BIAS;
	g.relu = 0;
	fl_gemm64(&g);	/* the same columns the other way round, and (.5, -20) on the rows */
	ok(c[0] == 8.5 && c[1] == 8.5 && c[2] == -10 && c[3] == -10, "double: by offsets, row bias");
}

static void choice(void)
{
	struct fl_err e = { 0 };

	unsetenv("FL_BLAS");
	is_int(fl_gemm_init(&e), 0, "FL_BLAS unset");
	is_str(fl_gemm_provenance(), "", "the default leaves no trace");
	setenv("FL_BLAS", "magic", 1);
	is_int(fl_gemm_init(&e), -1, "FL_BLAS=magic is refused");
	is_int(e.code, FL_EUSAGE, "as usage");
	setenv("FL_BLAS", "openblas", 1);
	is_int(fl_gemm_init(&e), -1, "FL_BLAS=openblas is refused where it is not linked");
	setenv("FL_BLAS", "own", 1);
	is_int(fl_gemm_init(&e), 0, "FL_BLAS=own");
}

int main(void)
{
	each_same("random products", random_cases, OUT);
	each_same("layers", layer_cases, OUT);
	each_same("products of bfloat16", bf16_cases, OUT);
	values();
	callbacks();
	threads();
	in_double();
	choice();
	return tap_done();
}
