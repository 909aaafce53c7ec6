/* Exact search against the definition: all scores by three loops, then a sort. Planted
 * ties, every first pass, threads, chunks, both directions, places of given rows. */
#include "base/fmath.h"
#include "base/rng.h"
#include "index/index.h"
#include "kernel/coarse.h"
#include "kernel/gemm.h"
#include "kernel/vmath.h"
#include "tap.h"

#define QMAX 400
#define GMAX 700
#define DMAX 100

struct set {
	size_t n, d;
	float x[GMAX * DMAX];
	double scale[GMAX], bias[GMAX];
	uint32_t order[GMAX];
};
static struct set query, gallery;
static double want[QMAX * GMAX];

static int read_set(const void *ctx, size_t i0, size_t m, float *out, struct fl_err *e)
{
	const struct set *s = ctx;

	(void)e;
	memcpy(out, s->x + i0 * s->d, m * s->d * sizeof *out);
	return 0;
}

static const float *at_set(const void *ctx, size_t i0, size_t m)
{
	const struct set *s = ctx;

	(void)m;
	return i0 % 3 ? NULL : s->x + i0 * s->d;
}

static void where(const void *ctx, size_t i, char *buf, size_t n)
{
	snprintf(buf, n, "%s: row %zu", ctx == &query ? "Q" : "G", i);
}

static struct fl_rows rows_of(const struct set *s)
{
	return (struct fl_rows){ .n = s->n, .d = s->d, .read = read_set, .at = at_set, .where = where, .ctx = s };
}

/* Whole numbers give products without rounding, and ties by the hundred; other values
 * have a few rows planted twice. */
static void fill(struct set *s, size_t n, size_t d, int whole, uint64_t seed)
{
	struct fl_rng r;

	fl_rng_init(&r, seed, 0, 0, FL_RNG_DATA, 0);
	s->n = n;
	s->d = d;
	for (size_t i = 0; i < n * d; i++)
		s->x[i] = whole ? (float)(int)fl_rng_below(&r, 5) - 2 : (float)fl_rng_normal(&r);
	for (size_t i = 0; i < n; i++)
		s->x[i * d] += 3;	/* no row of zeros */
	for (size_t i = 20; i < n; i += 20)
		memcpy(s->x + i * d, s->x + (i / 3) * d, d * sizeof *s->x);
	for (size_t i = 0; i < n; i++) {
		s->scale[i] = 1 + 99 * fl_rng_real(&r);
		s->bias[i] = 1000 + 10 * fl_rng_normal(&r);
		s->order[i] = (uint32_t)(n - 1 - i);
	}
}

static void unit(float *x, size_t n, size_t d)
{
	for (size_t i = 0; i < n; i++) {
		double by = 1 / sqrt(fl_vsumsq(x + i * d, d));

		for (size_t k = 0; k < d; k++)
			x[i * d + k] = (float)((double)x[i * d + k] * by);
	}
}

/* want(Q,G) by the definition. */
static void define(const struct fl_search *s)
{
	static float q[QMAX * DMAX], g[GMAX * DMAX], c[QMAX * GMAX];
	size_t Q = query.n, G = gallery.n, d = query.d;
	struct fl_gemm m = { .M = Q, .N = G, .K = d, .a = q, .b = g, .c = c, .lda = d, .ldb = d,
	                     .ldc = G, .tb = 1 };

	memcpy(q, query.x, sizeof q);
	memcpy(g, gallery.x, G * d * sizeof *g);
	if (s->unit) {
		unit(q, Q, d);
		unit(g, G, d);
	}
	fl_gemm_ref(&m);
	for (size_t i = 0; i < Q; i++)
		for (size_t k = 0; k < G; k++) {
			double h = c[i * G + k];
			double a = (s->query.scale ? query.scale[i] : 1) * (s->gallery.scale ? gallery.scale[k] : 1);
			double b = (s->query.bias ? query.bias[i] : 0) + (s->gallery.bias ? gallery.bias[k] : 0);

			if (s->unit)
				h = h > 1 ? 1 : h < -1 ? -1 : h;
			if (s->log1p)
				h = fl_log1p(h > 0x1p-24 - 1 ? h : 0x1p-24 - 1);
			want[i * G + k] = a * h + b;
		}
}

static double want_of(size_t own, size_t other, int back)
{
	return back ? want[other * gallery.n + own] : want[own * gallery.n + other];
}

static const uint32_t *sort_order;
static size_t sort_own;
static int sort_back;

static int by_score(const void *va, const void *vb)
{
	uint32_t a = *(const uint32_t *)va, b = *(const uint32_t *)vb;
	double x = want_of(sort_own, a, sort_back), y = want_of(sort_own, b, sort_back);

	if (x < y || x > y)
		return x < y ? 1 : -1;
	if (sort_order)
		return sort_order[a] < sort_order[b] ? -1 : sort_order[a] > sort_order[b];
	return a < b ? -1 : a > b;
}

/* Hits, counts and ties of one direction. */
static int right_hits(const struct fl_top *t, size_t n, size_t m, const struct fl_search *s, int back)
{
	static uint32_t all[GMAX];
	size_t tied = 0;

	for (size_t i = 0; i < n; i++) {
		size_t count = 0, listed = 0;

		for (size_t k = 0; k < m; k++)
			all[k] = (uint32_t)k;
		sort_own = i;
		sort_back = back;
		sort_order = back ? s->query.order : s->gallery.order;
		qsort(all, m, sizeof *all, by_score);
		for (size_t k = 0; k < m && count < t->k + 1; k++) {
			double v = want_of(i, all[k], back);

			if (v < s->min || (!back && s->self && s->self[i] == all[k]))
				continue;
			if (count++ == t->k) {
				tied += !(t->hit[i * t->k + t->k - 1].score > v);
				break;
			}
			if (listed >= t->count[i] || t->hit[i * t->k + listed].row != all[k] ||
			    t->hit[i * t->k + listed].score < v || t->hit[i * t->k + listed].score > v) {
				printf("# row %zu, hit %zu: want %u %.17g, have %u %.17g\n", i, listed, all[k], v,
				       t->hit[i * t->k + listed].row, t->hit[i * t->k + listed].score);
				return 0;
			}
			listed++;
		}
		if (t->count[i] != listed)
			return 0;
	}
	return t->tied == tied;
}

static int right_stand(const struct fl_stand *t, size_t n, size_t m, const struct fl_search *s, int back)
{
	const uint32_t *order = back ? s->query.order : s->gallery.order;

	for (size_t i = 0; i < n; i++)
		for (size_t p = t->first[i]; p < t->first[i + 1]; p++) {
			uint32_t a = 0, l = 0, b = 0, o = t->row[p];

			for (size_t k = 0; k < m; k++) {
				if (!back && s->self && s->self[i] == k)
					continue;
				double v = want_of(i, k, back), mine = want_of(i, o, back);

				a += v > mine;
				l += k != o && v >= mine && v <= mine;
				b += k != o && v >= mine && v <= mine &&
				     (order ? order[k] < order[o] : k < o);
			}
			if (t->depth && a >= t->depth[i] ? t->above[p] != FL_STAND_FAR :
			    t->above[p] != a || t->level[p] != l || t->before[p] != b) {
				printf("# row %zu, given row %u: want %u %u %u, have %u %u %u\n", i, o, a, l, b,
				       t->above[p], t->level[p], t->before[p]);
				return 0;
			}
		}
	return 1;
}

/* Given rows of n rows: i % 4 of them each. */
struct given {
	size_t first[GMAX + 1], depth[GMAX];
	uint32_t row[3 * GMAX], above[3 * GMAX], level[3 * GMAX], before[3 * GMAX];
	double score[3 * GMAX];
};

static struct fl_stand give(struct given *g, size_t n, size_t m, size_t depth)
{
	for (size_t i = 0; i < n; i++) {
		g->first[i + 1] = g->first[i];
		g->depth[i] = depth;
		for (size_t r = 0; r < i % 4; r++)
			g->row[g->first[i + 1]++] = (uint32_t)((i * 7 + r * 31) % m);
	}
	return (struct fl_stand){ .first = g->first, .row = g->row, .depth = depth ? g->depth : NULL,
	                          .score = g->score, .above = g->above, .level = g->level,
	                          .before = g->before };
}

static void check(struct fl_search *s, const char *what)
{
	struct fl_found f;
	struct fl_err e = { 0 };

	for (int pass = FL_FIRST_EXACT; pass <= FL_FIRST_INT8; pass++)
		for (int v = 0; v < 3; v++) {
			s->pass = (enum fl_first)pass;
			s->threads = v == 1 ? 3 : 1;
			s->memory = v == 2 ? 1 : (size_t)1 << 30;
			if (!ok(!fl_search(s, &f, &e), "%s runs", what)) {
				printf("# %s\n", e.msg);
				continue;
			}
			ok((!s->k || right_hits(&f.top, query.n, gallery.n, s, 0)) &&
			   (!s->back_k || right_hits(&f.back, gallery.n, query.n, s, 1)) &&
			   (!s->stand || right_stand(s->stand, query.n, gallery.n, s, 0)) &&
			   (!s->back_stand || right_stand(s->back_stand, gallery.n, query.n, s, 1)),
			   "%s, %s as %s, %d threads, %zu chunks", what, fl_first_name[pass],
			   fl_first_name[f.pass], s->threads, f.chunks);
			fl_found_release(&f);
		}
}

static struct fl_search search_of(size_t k)
{
	return (struct fl_search){ .query = rows_of(&query), .gallery = rows_of(&gallery), .k = k,
	                           .min = -INFINITY };
}

static void with_all(size_t Q, size_t G, size_t d, int whole)
{
	static struct given fore, back;
	char what[80];

	fill(&query, Q, d, whole, 1);
	fill(&gallery, G, d, whole, 2);
	for (int kind = 0; kind < 8; kind++) {
		struct fl_search s = search_of(kind == 3 ? G : 10);
		struct fl_stand a = give(&fore, Q, G, kind == 2 ? 12 : 0), b = give(&back, G, Q, kind == 2 ? 5 : 0);

		s.unit = kind != 1;
		s.back_k = kind == 4 ? 0 : 7;
		s.log1p = kind == 6 || kind == 7;
		if (kind >= 4)
			s.query.scale = query.scale, s.query.bias = query.bias;
		if (kind == 5 || kind == 7)
			s.gallery.scale = gallery.scale, s.gallery.bias = gallery.bias;
		if (kind % 2)
			s.query.order = query.order, s.gallery.order = gallery.order;
		if (kind != 6) {
			s.stand = &a;
			s.back_stand = &b;
		}
		define(&s);
		snprintf(what, sizeof what, "%zux%zux%zu %s %d", Q, G, d, whole ? "whole" : "normal", kind);
		check(&s, what);
	}
}

/* The same rows on both sides, none its own hit, and a least score. */
static void test_self(void)
{
	static uint32_t self[QMAX];
	static struct given given;
	struct fl_stand t;
	struct fl_search s;

	fill(&query, 300, 32, 0, 5);
	gallery = query;
	s = search_of(3);
	s.unit = 1;
	s.min = 0.4;
	s.self = self;
	for (uint32_t i = 0; i < 300; i++)
		self[i] = i % 3 ? i : UINT32_MAX;
	define(&s);
	check(&s, "self and min");
	for (int deep = 0; deep < 2; deep++) {
		t = give(&given, 300, 300, deep ? 0 : 4);
		for (size_t i = 0; i < 300; i++)
			for (size_t p = given.first[i]; p < given.first[i + 1]; p++)
				given.row[p] += given.row[p] == i ? given.row[p] ? -1u : 1 : 0;
		s.stand = &t;
		check(&s, "places without self");
	}
}

/* Directions that are there again and again, of other lengths and turned round: products
 * beyond 1 and -1, which are all the same cosine. */
static void test_beyond(void)
{
	static struct given fore, back;
	size_t d = 64, beyond = 0;

	fill(&query, 120, d, 0, 7);
	fill(&gallery, GMAX, d, 0, 8);
	for (size_t i = 0; i < GMAX; i++)
		for (size_t k = 0; k < d; k++)
			gallery.x[i * d + k] = query.x[i % 100 * d + k] * (float[]){ 1, 3, -1, .7f, -5 }[i / 100 % 5];
	for (int kind = 0; kind < 4; kind++) {
		struct fl_search s = search_of(kind == 1 ? GMAX : 9);
		struct fl_stand a = give(&fore, 120, GMAX, kind == 2 ? 3 : 0), b = give(&back, GMAX, 120, 0);

		s.unit = 1;
		s.back_k = kind == 1 ? 120 : 3;
		s.query.order = kind ? query.order : NULL;
		s.gallery.order = kind ? gallery.order : NULL;
		if (kind != 1) {
			s.stand = &a;
			s.back_stand = &b;
		}
		s.log1p = kind == 3;
		define(&s);
		for (size_t i = 0; i < query.n * gallery.n; i++)
			beyond += want[i] >= 1;
		check(&s, "cosines at their ends");
	}
	ok(beyond > 300, "%zu cosines of 1", beyond);
	/* None is nearer than the opposite, so every row is as good as any. */
	for (size_t i = 0; i < GMAX * d; i++)
		gallery.x[i] = -query.x[i % d] * (float)(1 + i / d % 7);
	struct fl_search s = search_of(9);

	s.unit = 1;
	s.back_k = 2;
	s.gallery.order = gallery.order;
	define(&s);
	check(&s, "opposites");
}

static void refuse(struct fl_search *s, int code, const char *msg)
{
	struct fl_found f;
	struct fl_err e = { 0 };

	s->threads = 1;
	ok(fl_search(s, &f, &e) && e.code == code && strstr(e.msg, msg), "%s", msg);
	if (!strstr(e.msg, msg))
		printf("# %d: %s\n", e.code, e.msg);
}

static void test_refusals(void)
{
	struct fl_search s;

	fill(&query, 30, 16, 0, 5);
	fill(&gallery, 40, 16, 0, 6);
	gallery.d = 15;
	s = search_of(3);
	refuse(&s, FL_EDATA, "queries have rows of 16 values, the gallery of 15");
	gallery.d = 16;
	s = search_of(3);
	s.unit = 1;
	memset(gallery.x + 7 * 16, 0, 16 * sizeof *gallery.x);
	refuse(&s, FL_EDATA, "G: row 7 is all zeros");
	gallery.x[7 * 16] = 1e-40f;
	query.x[29 * 16 + 3] = (float)NAN;
	refuse(&s, FL_EDATA, "Q: row 29 is not finite");
	query.x[29 * 16 + 3] = 1e25f;
	gallery.x[7 * 16] = 1e25f;
	s.unit = 0;
	refuse(&s, FL_ENUM, "the product of Q: row 29 and G: row 7 may leave");
}

/* Lengths and signs that a first pass has to bear: large, tiny, one value far larger. */
static void test_lengths(void)
{
	struct fl_search s;

	fill(&query, 100, 64, 0, 7);
	fill(&gallery, 500, 64, 0, 8);
	for (size_t i = 0; i < 500 * 64; i++)
		gallery.x[i] *= i / 64 % 7 == 1 ? 1e14f : i / 64 % 7 == 2 ? 1e-30f : 1;
	for (size_t i = 0; i < 500; i++)
		gallery.x[i * 64 + 5] *= 50;
	s = search_of(10);
	define(&s);
	check(&s, "lengths from 1e-30 to 1e14");
	for (size_t i = 0; i < 100 * 64; i++)
		query.x[i] *= 1e17f;
	define(&s);
	check(&s, "lengths beyond a first pass");
}

int main(void)
{
	with_all(1, 1, 1, 1);
	with_all(5, 3, 7, 1);
	with_all(130, 300, 20, 1);
	with_all(300, 700, 33, 0);
	test_self();
	test_beyond();
	test_lengths();
	test_refusals();
	return tap_done();
}
