/* Winograd's F(2x2,3x3): planes cut into tiles, 16 products, tiles joined to planes.
 *
 * Rows of tiles of all images, one below the other, are worked on a few at a time.
 * What belongs to a place of the 4x4 lies together, (place, channel, tile), so that
 * every transform is a loop over tiles, or outputs, in a row. */
#include "nn/winograd.h"

#include <string.h>

#include "kernel/isa.h"
#include "nn/quads.h"
#include "nn/runs.h"

enum { PLACES = 16, MIDDLE = 5 };	/* place (1,1) */
enum { FEWEST = 16 };			/* channels, and outputs, from which it pays */
enum { TILES = 96 };			/* worked on at a time, at least */
enum { OUTPUTS = 96 };			/* whose products are there at a time */

/* One way through the layer, x to y or dy to dx. */
struct way {
	size_t C, H, W, ph, pw;		/* in, and the zeros around it */
	size_t O, OH, OW;		/* out */
	size_t TH, TW;			/* tiles of a plane */
	size_t rows;			/* rows of tiles worked on at a time */
	size_t ld;			/* from a channel's tiles to the next one's */
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* An odd number of cache lines: what is that far apart does not compete for the same
 * places of the cache. */
static size_t spread(size_t n)
{
	size_t line = FL_ALIGN / sizeof(fl_real);

	return ((n + line - 1) / line | 1) * line;
}

static void cut(struct way *a)
{
	a->TH = (a->OH + 1) / 2;
	a->TW = (a->OW + 1) / 2;
	a->rows = (TILES + a->TW - 1) / a->TW;
	a->ld = spread(a->rows * a->TW);
}

static struct way to_y(const struct fl_window *w, size_t O)
{
	struct way a = { .C = w->C, .H = w->H, .W = w->W, .ph = w->ph, .pw = w->pw,
	                 .O = O, .OH = w->OH, .OW = w->OW };

	cut(&a);
	return a;
}

static struct way to_dx(const struct fl_window *w, size_t O)
{
	struct way a = { .C = O, .H = w->OH, .W = w->OW, .ph = 2 - w->ph, .pw = 2 - w->pw,
	                 .O = w->C, .OH = w->H, .OW = w->W };

	cut(&a);
	return a;
}

int fl_winograd_takes(const struct fl_window *w, size_t O)
{
	return w->kh == 3 && w->kw == 3 && w->sh == 1 && w->sw == 1 && w->ph <= 2 &&
	       w->pw <= 2 && w->C >= FEWEST && O >= FEWEST;
}

/* --- the transforms of one row, for n of them side by side --- */

/* B^T. d0 and d2 are neighbours in even, next apart, d1 and d3 in odd. */
FL_BODY void b_run(const fl_real *restrict even, const fl_real *restrict odd, size_t next,
                   fl_real *restrict v0, fl_real *restrict v1, fl_real *restrict v2,
                   fl_real *restrict v3, const size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fl_real d0 = even[i], d1 = odd[i], d2 = even[next + i], d3 = odd[next + i];

		v0[i] = d0 - d2;
		v1[i] = d1 + d2;
		v2[i] = d2 - d1;
		v3[i] = d1 - d3;
	}
}

/* A^T. */
FL_BODY void at_run(const fl_real *restrict m0, const fl_real *restrict m1,
                    const fl_real *restrict m2, const fl_real *restrict m3,
                    fl_real *restrict y0, fl_real *restrict y1, const size_t n)
{
	for (size_t i = 0; i < n; i++) {
		y0[i] = (m0[i] + m1[i]) + m2[i];
		y1[i] = (m1[i] - m2[i]) - m3[i];
	}
}

/* A. */
FL_BODY void a_run(const fl_real *restrict y0, const fl_real *restrict y1,
                   fl_real *restrict e0, fl_real *restrict e1, fl_real *restrict e2,
                   fl_real *restrict e3, const size_t n)
{
	for (size_t i = 0; i < n; i++) {
		e0[i] = y0[i];
		e1[i] = y0[i] + y1[i];
		e2[i] = y0[i] - y1[i];
		e3[i] = -y1[i];
	}
}

/* G. */
FL_BODY void g_run(const fl_real *restrict w0, const fl_real *restrict w1,
                   const fl_real *restrict w2, fl_real *restrict u0, fl_real *restrict u1,
                   fl_real *restrict u2, fl_real *restrict u3, const size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fl_real ends = w0[i] + w2[i];

		u0[i] = w0[i];
		u1[i] = (ends + w1[i]) / 2;
		u2[i] = (ends - w1[i]) / 2;
		u3[i] = w2[i];
	}
}

/* G^T. */
FL_BODY void gt_run(const fl_real *restrict u0, const fl_real *restrict u1,
                    const fl_real *restrict u2, const fl_real *restrict u3,
                    fl_real *restrict w0, fl_real *restrict w1, fl_real *restrict w2,
                    const size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fl_real h = (u1[i] + u2[i]) / 2;

		w0[i] = u0[i] + h;
		w1[i] = (u1[i] - u2[i]) / 2;
		w2[i] = h + u3[i];
	}
}

FL_BODY void relu_run(fl_real *x, const size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = x[i] < 0 ? 0 : x[i];
}

/* The even and the odd numbers of a row of n, apart and together. */
FL_BODY void part_run(const fl_real *restrict x, fl_real *restrict even, fl_real *restrict odd,
                      const size_t n)
{
	for (size_t i = 0; i < n; i++) {
		even[i] = x[2 * i];
		odd[i] = x[2 * i + 1];
	}
}

FL_BODY void part(const fl_real *x, fl_real *even, fl_real *odd, size_t n)
{
	FL_RUNS(i, n / 2, part_run, x + 2 * i, even + i, odd + i);
	if (n % 2)
		even[n / 2] = x[n - 1];
}

FL_BODY void join_run(const fl_real *restrict even, const fl_real *restrict odd,
                      fl_real *restrict x, const size_t n)
{
	for (size_t i = 0; i < n; i++) {
		x[2 * i] = even[i];
		x[2 * i + 1] = odd[i];
	}
}

FL_BODY void join(const fl_real *even, const fl_real *odd, fl_real *x, size_t n)
{
	FL_RUNS(i, n / 2, join_run, even + i, odd + i, x + 2 * i);
	if (n % 2)
		x[n - 1] = even[n / 2];
}

/* relu and pooling of tiles. */
FL_BODY void pool_run(const fl_real *restrict z0, const fl_real *restrict z1,
                      const fl_real *restrict z2, const fl_real *restrict z3,
                      fl_real *restrict y, fl_real *restrict at, const size_t n)
{
	for (size_t i = 0; i < n; i++)
		fl_quads_pick(z0[i], z1[i], z2[i], z3[i], 1, y + i, at + i);
}

/* Of gradients of such tiles, those of place first, and of the one after it. */
FL_BODY void unpool_run(const fl_real *restrict d, const fl_real *restrict at, fl_real first,
                        fl_real *restrict even, fl_real *restrict odd, const size_t n)
{
	for (size_t i = 0; i < n; i++) {
		even[i] = at[i] == first ? d[i] : 0;
		odd[i] = at[i] == first + 1 ? d[i] : 0;
	}
}

/* --- a stretch of rows of tiles of one plane --- */

struct stretch {
	const struct way *a;
	size_t at, m;		/* rows of tiles [at,at+m) of the plane */
	size_t place;		/* from a place's numbers to the next one's */
	fl_real *room;
};

/* Row y of W numbers of a plane, even and odd ones apart. */
FL_BODY void row_apart(struct fl_winograd_planes p, size_t y, size_t W, fl_real *even,
                       fl_real *odd)
{
	size_t half = y / 2 * (W / 2);

	if (p.at)
		FL_RUNS(i, W / 2, unpool_run, p.x + half + i, p.at + half + i, y % 2 ? 2 : 0, even + i,
		        odd + i);
	else
		part(p.x + y * W, even, odd, W);
}

/* Even and odd numbers of a padded row, TW + 1 of them. Where nothing but a zero at
 * either end is beside the plane's own, rows share these: across() knows. */
static size_t stride(const struct way *a)
{
	return a->pw == 1 && a->W == 2 * a->TW ? a->TW : a->TW + 1;
}

/* Room for such numbers of half of a stretch's rows, and one more. */
static size_t half_rows(const struct way *a)
{
	return (a->rows + 1) * stride(a) + 1;
}

/* Room for a stretch: of take, the most. */
static size_t room(const struct way *a)
{
	return 4 * half_rows(a) + 8 * (a->rows + 1) * a->TW;
}

/* Copies the rows of a plane that the stretch needs, two more than its outputs: even rows
 * before odd ones, and of either the numbers in even columns before those in odd ones. Rows
 * outside the plane are zeros; the padding at the ends of rows is not written, because the
 * caller has zeroed it. */
FL_BODY void part_rows(const struct stretch *s, struct fl_winograd_planes x)
{
	const struct way *a = s->a;
	size_t n = stride(a), all = half_rows(a), odd = a->pw % 2, lead = a->pw / 2;

	for (size_t k = 0; k < 2 * s->m + 2; k++) {
		fl_real *row = s->room + k % 2 * 2 * all + k / 2 * n;
		fl_real *first = row + (odd ? all : 0) + lead, *second = row + (odd ? 1 : all) + lead;
		size_t y = 2 * s->at + k;

		if (y >= a->ph && y < a->H + a->ph) {
			row_apart(x, y - a->ph, a->W, first, second);
		} else {
			memset(first, 0, (a->W + 1) / 2 * sizeof *row);
			memset(second, 0, a->W / 2 * sizeof *row);
		}
	}
}

/* n rows to h, a column of the tiles `step` from the next one. */
FL_BODY void across(const struct way *a, const fl_real *even, const fl_real *odd, size_t n,
                    fl_real *h, size_t step)
{
	size_t TW = a->TW, width = stride(a);

	if (width > TW) {
		for (size_t r = 0; r < n; r++, even += width, odd += width, h += TW)
			FL_RUNS(i, TW, b_run, even + i, odd + i, 1, h + i, h + step + i, h + 2 * step + i,
			        h + 3 * step + i);
		return;
	}
	FL_RUNS(i, n * TW, b_run, even + i, odd + i, 1, h + i, h + step + i, h + 2 * step + i,
	        h + 3 * step + i);
	for (size_t r = 0; r < n; r++, even += TW, odd += TW, h += TW) {
		h[0] = 0 - even[1];
		h[3 * step + TW - 1] = odd[TW - 1];
	}
}

/* v = B^T x B. */
FL_BODY void take_body(const struct stretch *s, struct fl_winograd_planes x, fl_real *v)
{
	const struct way *a = s->a;
	size_t all = half_rows(a), n = (s->m + 1) * a->TW, p = s->place;
	fl_real *z = s->room, *h = z + 4 * all;

	part_rows(s, x);
	across(a, z, z + all, s->m + 1, h, 2 * n);
	across(a, z + 2 * all, z + 3 * all, s->m + 1, h + n, 2 * n);
	for (size_t j = 0; j < 4; j++, h += 2 * n, v += p)
		FL_RUNS(i, s->m * a->TW, b_run, h + i, h + n + i, a->TW, v + i, v + 4 * p + i,
		        v + 8 * p + i, v + 12 * p + i);
}

/* y = A^T m A, rectified or not; with at, pooled, too. */
FL_BODY void give_body(const struct stretch *s, const fl_real *m, int relu, fl_real *y,
                       fl_real *at)
{
	const struct way *a = s->a;
	size_t n = s->m * a->TW, p = s->place;
	fl_real *h = s->room, *z = h + 8 * n;

	for (size_t j = 0; j < 4; j++)
		FL_RUNS(i, n, at_run, m + j * p + i, m + (4 + j) * p + i, m + (8 + j) * p + i,
		        m + (12 + j) * p + i, h + j * n + i, h + (4 + j) * n + i);
	for (size_t k = 0; k < 2; k++, h += 4 * n)
		FL_RUNS(i, n, at_run, h + i, h + n + i, h + 2 * n + i, h + 3 * n + i, z + 2 * k * n + i,
		        z + (2 * k + 1) * n + i);
	if (at) {
		FL_RUNS(i, n, pool_run, z + i, z + n + i, z + 2 * n + i, z + 3 * n + i,
		        y + s->at * a->TW + i, at + s->at * a->TW + i);
		return;
	}
	if (relu)
		FL_RUNS(i, 4 * n, relu_run, z + i);
	for (size_t k = 0; k < least(2 * s->m, a->OH - 2 * s->at); k++) {
		const fl_real *row = z + k % 2 * 2 * n + k / 2 * a->TW;

		join(row, row + n, y + (2 * s->at + k) * a->OW, a->OW);
	}
}

/* Rows of tiles of dy: numbers of even and odd rows, each even and odd ones apart. */
FL_BODY void part_tiles(const struct stretch *s, struct fl_winograd_planes dy, fl_real *z)
{
	const struct way *a = s->a;
	size_t n = s->m * a->TW, from = s->at * a->TW;

	for (size_t k = 0; dy.at && k < 2; k++)
		FL_RUNS(i, n, unpool_run, dy.x + from + i, dy.at + from + i, k ? 2 : 0,
		        z + 2 * k * n + i, z + (2 * k + 1) * n + i);
	for (size_t k = 0; !dy.at && k < 2 * s->m; k++) {
		fl_real *row = z + k % 2 * 2 * n + k / 2 * a->TW;

		row[n + a->TW - 1] = 0;		/* stays so where OW is odd */
		if (2 * s->at + k < a->OH) {
			part(dy.x + (2 * s->at + k) * a->OW, row, row + n, a->OW);
		} else {
			memset(row, 0, a->TW * sizeof *row);
			memset(row + n, 0, a->TW * sizeof *row);
		}
	}
}

/* e = A dy A^T, dy a plane that comes out. */
FL_BODY void take_gradient_body(const struct stretch *s, struct fl_winograd_planes dy,
                                fl_real *e)
{
	size_t n = s->m * s->a->TW, p = s->place;
	fl_real *z = s->room, *h = z + 4 * n;

	part_tiles(s, dy, z);
	for (size_t k = 0; k < 2; k++, z += 2 * n)
		FL_RUNS(i, n, a_run, z + i, z + n + i, h + 4 * k * n + i, h + (4 * k + 1) * n + i,
		        h + (4 * k + 2) * n + i, h + (4 * k + 3) * n + i);
	for (size_t j = 0; j < 4; j++)
		FL_RUNS(i, n, a_run, h + j * n + i, h + (4 + j) * n + i, e + j * p + i,
		        e + (4 + j) * p + i, e + (8 + j) * p + i, e + (12 + j) * p + i);
}

static void take(const struct stretch *s, struct fl_winograd_planes x, fl_real *v);
FL_ISA_FN(take, (const struct stretch *s, struct fl_winograd_planes x, fl_real *v), (s, x, v))

static void give(const struct stretch *s, const fl_real *m, int relu, fl_real *y, fl_real *at);
FL_ISA_FN(give, (const struct stretch *s, const fl_real *m, int relu, fl_real *y, fl_real *at),
          (s, m, relu, y, at))

static void take_gradient(const struct stretch *s, struct fl_winograd_planes dy, fl_real *e);
FL_ISA_FN(take_gradient, (const struct stretch *s, struct fl_winograd_planes dy, fl_real *e),
          (s, dy, e))

/* --- weights: w(C,3,3,O), u(place, C, O), rows of u ldu apart --- */

struct weights {
	size_t C, O, ld, place;
};

static struct weights weights(size_t C, size_t O)
{
	size_t ld = spread(O);

	return (struct weights){ C, O, ld, spread(C * ld) };
}

/* Channel c; t(12,O). */
FL_BODY void raise_weights_body(const struct weights *s, const fl_real *w, fl_real *t, fl_real *u)
{
	size_t O = s->O, p = s->place;

	for (size_t j = 0; j < 3; j++)
		FL_RUNS(o, O, g_run, w + j * O + o, w + (3 + j) * O + o, w + (6 + j) * O + o,
		        t + j * O + o, t + (3 + j) * O + o, t + (6 + j) * O + o, t + (9 + j) * O + o);
	for (size_t i = 0; i < 4; i++, t += 3 * O, u += 4 * p)
		FL_RUNS(o, O, g_run, t + o, t + O + o, t + 2 * O + o, u + o, u + p + o, u + 2 * p + o,
		        u + 3 * p + o);
}

/* Channel c, added to w; t(21,O). */
FL_BODY void lower_weights_body(const struct weights *s, const fl_real *u, fl_real *t, fl_real *w)
{
	size_t O = s->O, p = s->place;
	fl_real *d = t + 12 * O;

	for (size_t j = 0; j < 4; j++)
		FL_RUNS(o, O, gt_run, u + j * p + o, u + (4 + j) * p + o, u + (8 + j) * p + o,
		        u + (12 + j) * p + o, t + j * O + o, t + (4 + j) * O + o, t + (8 + j) * O + o);
	for (size_t i = 0; i < 3; i++, t += 4 * O)
		FL_RUNS(o, O, gt_run, t + o, t + O + o, t + 2 * O + o, t + 3 * O + o, d + 3 * i * O + o,
		        d + (3 * i + 1) * O + o, d + (3 * i + 2) * O + o);
	for (size_t i = 0; i < 9 * O; i++)
		w[i] += d[i];
}

static void raise_weights(const struct weights *s, const fl_real *w, fl_real *t, fl_real *u);
FL_ISA_FN(raise_weights, (const struct weights *s, const fl_real *w, fl_real *t, fl_real *u),
          (s, w, t, u))

static void lower_weights(const struct weights *s, const fl_real *u, fl_real *t, fl_real *w);
FL_ISA_FN(lower_weights, (const struct weights *s, const fl_real *u, fl_real *t, fl_real *w),
          (s, u, t, w))

static void raise_all(const struct weights *s, const fl_real *w, fl_real *t, fl_real *u)
{
	for (size_t c = 0; c < s->C; c++)
		raise_weights(s, w + c * 9 * s->O, t, u + c * s->ld);
}

/* --- rows of tiles [r,r+n) of all images --- */

struct rows {
	const struct way *a;
	size_t r, n;
	fl_real *room;
};

/* Plane p of x, of size numbers, a quarter of them where they were pooled. */
static struct fl_winograd_planes plane(struct fl_winograd_planes x, size_t p, size_t size)
{
	p *= x.at ? size / 4 : size;
	return (struct fl_winograd_planes){ x.x + p, x.at ? x.at + p : NULL };
}

/* Planes of C channels, size numbers each, to v, places `place` apart. */
static void take_rows(const struct rows *b, struct fl_winograd_planes x, size_t C, size_t size,
                      void (*take_plane)(const struct stretch *, struct fl_winograd_planes,
                                         fl_real *),
                      fl_real *v, size_t place)
{
	const struct way *a = b->a;
	struct stretch s = { .a = a, .place = place, .room = b->room };

	for (size_t r = b->r; r < b->r + b->n; r += s.m, v += s.m * a->TW) {
		s.at = r % a->TH;
		s.m = least(b->r + b->n - r, a->TH - s.at);
		for (size_t c = 0; c < C; c++)
			take_plane(&s, plane(x, r / a->TH * C + c, size), v + c * a->ld);
	}
}

/* m, of n outputs from o on, to their planes of y. */
static void give_rows(const struct rows *b, const fl_real *m, size_t o, size_t n, int relu,
                      fl_real *y, fl_real *at)
{
	const struct way *a = b->a;
	struct stretch s = { .a = a, .place = spread(OUTPUTS * a->ld), .room = b->room };
	size_t size = at ? a->TH * a->TW : a->OH * a->OW;

	for (size_t r = b->r; r < b->r + b->n; r += s.m, m += s.m * a->TW) {
		size_t first = (r / a->TH * a->O + o) * size;

		s.at = r % a->TH;
		s.m = least(b->r + b->n - r, a->TH - s.at);
		for (size_t i = 0; i < n; i++)
			give(&s, m + i * a->ld, relu, y + first + i * size,
			     at ? at + first + i * size : NULL);
	}
}

/* --- products of one place --- */

/* m(n,N) of outputs from o on. u(C,O), or, the other way, its transpose. */
static fl_product product_m(const struct way *a, const struct weights *s, int back, size_t o,
                            size_t N, const fl_real *u, const fl_real *v, fl_real *m)
{
	return (fl_product){
		.M = least(OUTPUTS, a->O - o), .N = N, .K = a->C,
		.a = u + (back ? o * s->ld : o), .lda = s->ld, .ta = !back,
		.b = v, .ldb = a->ld,
		.c = m, .ldc = a->ld,
	};
}

/* u(C,O) += */
static fl_product product_u(const struct way *a, const struct weights *s, size_t N,
                            const fl_real *v, const fl_real *e, fl_real *u)
{
	return (fl_product){
		.M = a->C, .N = a->O, .K = N,
		.a = v, .lda = a->ld,
		.b = e, .ldb = a->ld, .tb = 1,
		.c = u, .ldc = s->ld,
		.start = FL_GEMM_ADD,
	};
}

/* --- scratch --- */

/* Where things begin, u at 0: tiles of what goes in, products of few outputs or tiles
 * of the gradient of all, and what the transforms and the products use. */
struct parts {
	size_t v, m, room, product;
};

static size_t tiles_size(const struct way *a, size_t channels)
{
	return PLACES * spread(channels * a->ld);
}

static struct parts parts(const struct way *a, const struct weights *s, size_t channels)
{
	struct parts p = { .v = PLACES * s->place };

	p.m = p.v + tiles_size(a, a->C);
	p.room = p.m + tiles_size(a, channels);
	p.product = p.room + spread(most(21 * s->O, room(a)));
	return p;
}

static size_t way_scratch(const struct way *a, const struct weights *s, int back)
{
	fl_real none[1] = { 0 };
	fl_product p = product_m(a, s, back, 0, a->rows * a->TW, none, none, none);

	return parts(a, s, OUTPUTS).product + fl_matmul_scratch(&p);
}

size_t fl_winograd_scratch(const struct fl_window *w, size_t O)
{
	struct weights s = weights(w->C, O);
	struct way y = to_y(w, O), dx = to_dx(w, O);
	fl_real none[1] = { 0 };
	fl_product p = product_u(&y, &s, y.rows * y.TW, none, none, none);
	size_t dw = parts(&y, &s, O).product + fl_matmul_scratch(&p);

	return most(dw, most(way_scratch(&y, &s, 0), way_scratch(&dx, &s, 1)));
}

/* --- passes --- */

struct convolution {
	struct way a;
	struct weights s;
	int back, relu;
	const fl_real *bias;
};

/* Place k of the kernel turned round: rows 0 and 3 change places, and columns. */
static size_t turned(size_t k)
{
	static const size_t to[] = { 3, 1, 2, 0 };

	return 4 * to[k / 4] + to[k % 4];
}

/* Rows of tiles b of y, v taken. */
static void outputs(const struct convolution *c, const struct rows *b, fl_real *scratch,
                    fl_real *y, fl_real *at)
{
	const struct way *a = &c->a;
	struct parts q = parts(a, &c->s, OUTPUTS);
	fl_real *m = scratch + q.m;

	for (size_t o = 0; o < a->O; o += OUTPUTS) {
		for (size_t k = 0; k < PLACES; k++) {
			const fl_real *u = scratch + (c->back ? turned(k) : k) * c->s.place;
			fl_product p = product_m(a, &c->s, c->back, o, b->n * a->TW, u,
			                         scratch + q.v + k * spread(a->C * a->ld),
			                         m + k * spread(OUTPUTS * a->ld));

			if (k == MIDDLE && c->bias) {
				p.start = FL_GEMM_ROW_BIAS;
				p.bias = c->bias + o;
			}
			fl_matmul(&p, scratch + q.product);
		}
		give_rows(b, m, o, least(OUTPUTS, a->O - o), c->relu, y, at);
	}
}

static void convolve(const struct convolution *c, size_t B, struct fl_winograd_planes x,
                     const fl_real *w, fl_real *y, fl_real *at, fl_real *scratch)
{
	const struct way *a = &c->a;
	struct parts q = parts(a, &c->s, OUTPUTS);
	struct rows b = { .a = a, .room = scratch + q.room };

	raise_all(&c->s, w, b.room, scratch);
	for (; b.r < B * a->TH; b.r += b.n) {
		b.n = least(a->rows, B * a->TH - b.r);
		memset(b.room, 0, room(a) * sizeof *b.room);
		take_rows(&b, x, a->C, a->H * a->W, take, scratch + q.v, spread(a->C * a->ld));
		outputs(c, &b, scratch, y, at);
	}
}

void fl_winograd_y(const struct fl_window *w, size_t O, size_t B, const fl_real *x,
                   const fl_real *weight, const fl_real *bias, int relu, fl_real *y,
                   fl_real *at, fl_real *scratch)
{
	struct convolution c = { to_y(w, O), weights(w->C, O), 0, relu, bias };

	convolve(&c, B, (struct fl_winograd_planes){ x, NULL }, weight, y, at, scratch);
}

void fl_winograd_dx(const struct fl_window *w, size_t O, size_t B, struct fl_winograd_planes dy,
                    const fl_real *weight, fl_real *dx, fl_real *scratch)
{
	struct convolution c = { to_dx(w, O), weights(w->C, O), 1, 0, NULL };

	convolve(&c, B, dy, weight, dx, NULL, scratch);
}

/* What rows of tiles b add to u. */
static void add_products(const struct rows *b, const struct weights *s,
                         struct fl_winograd_planes x, struct fl_winograd_planes dy,
                         fl_real *scratch)
{
	const struct way *a = b->a;
	struct parts q = parts(a, s, a->O);
	size_t v = spread(a->C * a->ld), e = spread(a->O * a->ld);

	memset(b->room, 0, room(a) * sizeof *b->room);
	take_rows(b, x, a->C, a->H * a->W, take, scratch + q.v, v);
	take_rows(b, dy, a->O, a->OH * a->OW, take_gradient, scratch + q.m, e);
	for (size_t k = 0; k < PLACES; k++) {
		fl_product p = product_u(a, s, b->n * a->TW, scratch + q.v + k * v,
		                         scratch + q.m + k * e, scratch + k * s->place);

		fl_matmul(&p, scratch + q.product);
	}
}

void fl_winograd_dw(const struct fl_window *w, size_t O, size_t B, const fl_real *x,
                    struct fl_winograd_planes dy, fl_real *dw, void (*row)(void *ctx, size_t c),
                    void *ctx, fl_real *scratch)
{
	struct way a = to_y(w, O);
	struct weights s = weights(w->C, O);
	struct rows b = { .a = &a, .room = scratch + parts(&a, &s, O).room };

	memset(scratch, 0, PLACES * s.place * sizeof *scratch);
	for (; b.r < B * a.TH; b.r += b.n) {
		b.n = least(a.rows, B * a.TH - b.r);
		add_products(&b, &s, (struct fl_winograd_planes){ x, NULL }, dy, scratch);
	}
	for (size_t c = 0; c < s.C; c++) {
		lower_weights(&s, scratch + c * s.ld, b.room, dw + c * 9 * O);
		if (row)
			row(ctx, c);
	}
}
