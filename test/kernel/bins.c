/* Fixed bins: order-free, tree-free, correctly rounded, same at every set. */
#define _DEFAULT_SOURCE
#include <stdint.h>

#include "each.h"
#include "kernel/bins.h"

#define N 37		/* coordinates */
#define TERMS 24

static const struct { int n; double v[12], sum; } golden[] = {
#include "golden/bins/sums.inc"
};

static void against_fsum(void)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		int64_t bin[FL_BINS] = { 0 };
		struct fl_bins b = { bin, 1, 2 };
		double got;

		for (int k = 0; k < golden[i].n; k++)
			fl_bins_add1(&b, 0, golden[i].v[k]);
		fl_bins_value(&b, &got, 0, 1);
		if (got != golden[i].sum && ++wrong < 4)
			printf("# case %zu: expect %a, actual %a\n", i, golden[i].sum, got);
	}
	is_int(wrong, 0, "sums that differ from math.fsum");
}

static void add_rows(struct fl_bins *b, const double *w, float (*x)[N], const size_t *order,
                     size_t from, size_t to)
{
	for (size_t k = from; k < to; k++) {
		double max = 0;

		for (size_t i = 0; i < N; i++)
			max = fmax(max, fabs((double)x[order[k]][i]));
		fl_bins_raise(b, fl_bins_top(fabs(w[order[k]]) * max));
		fl_bins_add(b, w[order[k]], x[order[k]], 0, N);
	}
}

/* Any binary tree over rows [from,to). */
static void tree(struct fl_bins *b, const double *w, float (*x)[N], const size_t *order,
                 size_t from, size_t to)
{
	int64_t bin[FL_BINS * N] = { 0 };
	struct fl_bins right = { bin, N, 2 };
	size_t cut;

	if (to - from < 2) {
		add_rows(b, w, x, order, from, to);
		return;
	}
	cut = from + 1 + each_below(to - from - 1);
	tree(b, w, x, order, from, cut);
	tree(&right, w, x, order, cut, to);
	fl_bins_merge(b, &right);
}

/* Rows whose magnitudes differ widely, with planted ties: half-way cases of
 * the slices and exact negatives. */
static void draw(double *w, float (*x)[N])
{
	for (size_t k = 0; k < TERMS; k++) {
		w[k] = ldexp((double)each_real(), (int)each_below(200) - 100);
		for (size_t i = 0; i < N; i++)
			x[k][i] = each_below(9) ? ldexpf(each_real(), (int)each_below(90) - 45) :
			                          ldexpf(1.5f, (int)each_below(200) - 100);
		if (k && !each_below(4)) {
			w[k] = -w[k - 1];
			memcpy(x[k], x[k - 1], sizeof x[k]);
		}
	}
}

static void orders(void)
{
	int wrong = 0;

	each_seed = 21;
	for (int n = 0; n < 1000; n++) {
		double w[TERMS];
		float x[TERMS][N];
		size_t order[TERMS];
		int64_t flat[FL_BINS * N] = { 0 }, other[FL_BINS * N] = { 0 };
		struct fl_bins a = { flat, N, 2 }, b = { other, N, 2 };

		draw(w, x);
		for (size_t k = 0; k < TERMS; k++)
			order[k] = k;
		add_rows(&a, w, x, order, 0, TERMS);
		for (size_t k = TERMS; k > 1; k--) {
			size_t j = each_below(k), t = order[k - 1];

			order[k - 1] = order[j];
			order[j] = t;
		}
		tree(&b, w, x, order, 0, TERMS);
		wrong += a.top != b.top || memcmp(flat, other, sizeof flat) != 0;
	}
	is_int(wrong, 0, "orders and trees of 1,000 that gave other bins or windows");
}

/* One coordinate at a time through add1 is the same cut. */
static void by_one(void)
{
	double w[TERMS];
	float x[TERMS][N];
	size_t order[TERMS];
	int64_t rows[FL_BINS * N] = { 0 }, ones[FL_BINS * N] = { 0 };
	struct fl_bins a = { rows, N, 2 }, b = { ones, N, 2 };

	each_seed = 22;
	draw(w, x);
	for (size_t k = 0; k < TERMS; k++)
		order[k] = k;
	add_rows(&a, w, x, order, 0, TERMS);
	for (size_t k = 0; k < TERMS; k++)
		for (size_t i = 0; i < N; i++)
			fl_bins_add1(&b, i, w[k] * (double)x[k][i]);
	ok(a.top == b.top && !memcmp(rows, ones, sizeof rows), "add1 cuts as add does");
}

/* Stretches in windows of their own end as the whole does, from bins never written;
 * any number of terms at once. */
static void stretches(void)
{
	static const size_t cut[] = { 0, 5, 16, 30, N };
	double w[TERMS];
	float x[TERMS][N];
	size_t order[TERMS];
	int64_t rows[FL_BINS * N] = { 0 }, bin[FL_BINS * N];
	struct fl_bins a = { rows, N, 2 }, b = { bin, N, 2 };
	int top[4] = { 0 }, fine = 1, lower = 0;

	each_seed = 24;
	draw(w, x);
	memset(bin, 0x5a, sizeof bin);
	for (size_t k = 0; k < TERMS; k++) {
		order[k] = k;
		for (size_t i = 5; i < N; i++)		/* small, then none */
			x[k][i] = i < 16 ? ldexpf(x[k][i], -60) : i < 30 ? x[k][i] : 0;
	}
	add_rows(&a, w, x, order, 0, TERMS);
	for (size_t k = 0, n; k < TERMS; k += n) {
		struct fl_bins_term t[TERMS];

		n = 1 + each_below(TERMS - k);
		for (size_t j = 0; j < n; j++)
			t[j] = (struct fl_bins_term){ NULL, w[k + j], NULL };
		for (size_t s = 0; s < 4; s++) {
			for (size_t j = 0; j < n; j++)
				t[j].x = x[k + j] + cut[s];
			fine = fine && fl_bins_sum(&b, &top[s], t, n, cut[s], cut[s + 1]) == n;
		}
	}
	for (size_t s = 0; s < 4; s++) {
		lower += top[s] < a.top;
		b.top = top[s] > b.top ? top[s] : b.top;
	}
	for (size_t s = 0; s < 4; s++)
		fl_bins_settle(&b, &top[s], cut[s], cut[s + 1]);
	ok(fine && lower && a.top == b.top && !memcmp(rows, bin, sizeof rows),
	   "stretches, %d of them in a lower window, settle to the same bins", lower);
	x[1][3] = INFINITY;
	ok(!fl_bins_sum(&b, &top[0], &(struct fl_bins_term){ x[1], 1, NULL }, 1, 0, 5),
	   "an infinity in a stretch is told");
	x[1][3] = 1e30f;
	ok(!fl_bins_sum(&b, &top[0], &(struct fl_bins_term){ x[1], 1e300, NULL }, 1, 0, 5),
	   "an overflowing product is told");
}

/* Terms with weights by coordinate among others: w (m x) is rounded once. */
static void by_coordinate(void)
{
	double w[TERMS];
	float x[TERMS][N], m[TERMS][N];
	struct fl_bins_term t[TERMS];
	int64_t rows[FL_BINS * N], ones[FL_BINS * N] = { 0 };
	struct fl_bins a = { rows, N, 2 }, b = { ones, N, 2 };
	int top = 0;

	each_seed = 25;
	draw(w, x);
	for (size_t k = 0; k < TERMS; k++) {
		t[k] = (struct fl_bins_term){ x[k], w[k], k % 3 ? m[k] : NULL };
		for (size_t i = 0; i < N; i++) {
			m[k][i] = each_below(4) ? fabsf(each_real()) : 0;
			fl_bins_add1(&b, i, k % 3 ? w[k] * ((double)m[k][i] * (double)x[k][i]) :
			                            w[k] * (double)x[k][i]);
		}
	}
	ok(fl_bins_sum(&a, &top, t, TERMS, 0, N) == TERMS && top >= b.top, "weighed terms are finite");
	a.top = top;
	fl_bins_raise(&b, top);
	ok(!memcmp(rows, ones, sizeof rows), "weights by coordinate are cut as one product is");
	m[1][N - 1] = NAN;
	ok(fl_bins_sum(&a, &top, t, TERMS, 0, N) == 1, "a weight that is no number is told");
}

static void extremes(void)
{
	int64_t bin[FL_BINS] = { 0 };
	struct fl_bins b = { bin, 1, 2 };
	double v = -1;

	fl_bins_value(&b, &v, 0, 1);
	ok(v == 0 && !signbit(v), "the empty sum is 0");
	is_int(fl_bins_top(0), 2, "0 needs the lowest window");
	is_int(fl_bins_top(1.7976931348623157e308), FL_BINS_TOP, "the largest double fits");
	ok(fl_bins_top(0x1p-1) == 23 && fl_bins_top(0x1.0000000000001p-1) == 24,
	   "a window holds up to 2^39 units, inclusive");
	for (int i = 0; i < 5; i++)
		fl_bins_add1(&b, 0, 1.7976931348623157e308);
	for (int i = 0; i < 4; i++)
		fl_bins_add1(&b, 0, -1.7976931348623157e308);
	fl_bins_value(&b, &v, 0, 1);
	ok(v == 1.7976931348623157e308, "sums beyond the range of double come back");
	memset(bin, 0, sizeof bin);
	b.top = 2;
	fl_bins_add1(&b, 0, 0x1p-950);
	fl_bins_add1(&b, 0, 0x1p-960);
	fl_bins_value(&b, &v, 0, 1);
	ok(v == 0x1p-950 + 0x1p-960, "the smallest unit is kept");
	memset(bin, 0, sizeof bin);
	b.top = 3;
	/* The most that as many terms as there is room for can make of a bin. */
	bin[0] = bin[1] = bin[2] = (int64_t)FL_BINS_TERMS << (FL_BINS_WIDTH - 1);
	fl_bins_value(&b, &v, 0, 1);
	ok(v == ldexp(1 - 0x1p-24 + 0x1p-40, 63 - 840), "full bins carry");
}

static void everywhere(void *out)
{
	unsigned char *o = out;

	each_seed = 23;
	for (int n = 0; n < 200; n++) {
		size_t len = each_below(150), i0 = each_below(len + 1), off = each_below(4);
		struct fl_bins b = { NULL, len, 2 };
		double w = ldexp((double)each_real(), (int)each_below(1900) - 950);
		float x[160], max = 0;

		for (size_t i = 0; i < len; i++) {
			x[off + i] = ldexpf(each_real(), (int)each_below(250) - 125);
			max = fmaxf(max, fabsf(x[off + i]));
		}
		if (!isfinite(w * (double)max))
			continue;
		b.bin = calloc(FL_BINS * len + 1, sizeof *b.bin);
		fl_bins_raise(&b, fl_bins_top(fabs(w * (double)max)));
		fl_bins_add(&b, w, x + off, i0, len);
		fl_bins_add(&b, w, x + off, 0, len);
		fl_bins_value(&b, (double *)(void *)o, 0, len);
		if (len) {
			int top = b.top;

			fl_bins_sum(&b, &top, &(struct fl_bins_term){ x + off, w, x }, 1, 0, len);
			b.top = top;
		}
		o += len * sizeof(double);
		memcpy(o, b.bin, FL_BINS * len * sizeof *b.bin);
		o += FL_BINS * len * sizeof *b.bin;
		free(b.bin);
	}
}

int main(void)
{
	each_same("bins", everywhere, (size_t)200 * 150 * 4 * 8);
	against_fsum();
	orders();
	by_one();
	stretches();
	by_coordinate();
	extremes();
	return tap_done();
}
