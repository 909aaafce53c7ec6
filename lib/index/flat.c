/* Exact search, block of the gallery by block. A thread takes a block, brings it into
 * F32 and, for a first pass, into a narrow type, and forms tiles of products with all
 * queries in memory. Of a tile only what can still be a hit is looked at: from an upper
 * bound of its score, whose slack is the first pass' error and the rounding of F32. What
 * is open then is nearly always settled by a product in an order that suits the processor,
 * the rest by the definition's chain. */
#include "index/index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/num.h"
#include "base/par.h"
#include "index/heap.h"
#include "kernel/coarse.h"
#include "kernel/dots.h"
#include "kernel/isa.h"
#include "kernel/packed.h"
#include "kernel/vmath.h"

#define BLOCK_FLOATS ((size_t)1 << 17)	/* of a block of the gallery: half the second-level cache */
#define NARROW_FLOATS ((size_t)1 << 18)	/* of one whose products are of a narrow type */
#define BLOCK_MIN 64
#define BLOCK_MAX 1024
#define TILE 96			/* queries of a tile: a multiple of FL_PACKED_A */
#define CHUNK_MIN 256		/* queries in memory at least */
#define LENGTH_MAX 1e15		/* of rows that go through a first pass */
#define PRODUCT_MAX 1e38	/* of two lengths: no sum on the way is beyond F32 */
#define QUERIES_MIN 100		/* for fewer, narrow rows cost more than they save */
#define HITS_SHARE 32		/* nor does it pay where more than 1 in so many is a hit */
#define LINE 16			/* floats that memory brings together */
#define FETCH 256		/* of a row to bring ahead of use; the rest follows by itself */
#define ONE_PLUS_MIN 0x1p-24	/* of 1 + c, before the logarithm */
#define GROUP 32		/* columns looked at together: mostly there is nothing */

const char *const fl_first_name[] = { "auto", "exact", "bf16", "int8", NULL };

/* Rows in F32 and, where narrow, once more. */
struct block {
	size_t n, i0;		/* rows [i0,i0+n) */
	float *room;		/* (n,d) */
	const float *x;		/* (n,d): room, or where rows lie */
	double *len, *err;	/* (n) */
	double len_max, err_max;
	size_t longest;
	unsigned char *narrow;	/* rows of fl_coarse_bytes */
	float *scale;		/* (n, whole strips) of narrow */
};

/* Pairs that wait for each other's memory, or chains. */
struct queue {
	struct {
		size_t q, col;
	} at[FL_DOTS];
	size_t n;
};

/* What one thread has. */
struct worker {
	struct block g;
	void *packed;
	float *queries, *gallery;	/* (TILE,d), (B,d) packed for the definition's products */
	float *tile, *u, *pack;
	size_t ldc;
	float *a, *b;			/* (B) scale and bias of the block's rows in F32 */
	double a_max, b_max, h_max;
	float *least;			/* (B) a score below this is no hit of that gallery row */
	struct fl_hit *heap;		/* (Q,K) */
	uint32_t *count;		/* (Q) */
	uint32_t *list;			/* (B) columns to look at */
	struct fl_coarse_large large;	/* of the tile, where its hits are read off products */
	float *row, *col;		/* (TILE), (B) of large */
	float *hi, *lo;			/* (R,B) of the columns' given rows */
	uint32_t *nhi, *nlo;		/* (R,B) */
	size_t R;
	int narrow;			/* this block's tiles are coarse */
	int masks;			/* and come with large */
	unsigned long long exact;
	float *room;			/* (2,d) */
	struct queue open, tight;	/* to look at: by a near product, by the chain */
	struct fl_arena arena;
};

struct job {
	const struct fl_search *s;
	struct fl_found *out;
	size_t d, B, Q, q0, K, KB;	/* Q queries from q0 on in memory; hits kept, one more than asked */
	enum fl_first pass;
	int coarse, threads;		/* coarse: enum fl_coarse of the pass, or -1 */
	int plain;			/* the score is c */
	struct block q;
	float *packed;			/* (Q,d) q for the definition's products, where they are all */
	struct fl_hit *back;		/* (G,KB) */
	uint32_t *nback;
	float *ask;			/* (Q) a score below this is no hit of that query: the highest
					 * of all threads' thresholds */
	size_t longest_list;		/* most given rows that a gallery row has */
	struct worker *w;		/* (threads) */
	struct fl_arena arena;
};

/* --- scores --- */

static double scale_of(const struct fl_rows *r, size_t i)
{
	return r->scale ? r->scale[i] : 1;
}

static double bias_of(const struct fl_rows *r, size_t i)
{
	return r->bias ? r->bias[i] : 0;
}

static uint32_t order_of(const struct fl_rows *r, size_t i)
{
	return r->order ? r->order[i] : (uint32_t)i;
}

static double score(const struct job *j, size_t q, size_t g, float c)
{
	const struct fl_search *s = j->s;
	double h;

	if (s->unit)
		fl_vcosine(&c, 1);
	h = c;
	if (j->plain)
		return h;
	if (s->joint) {
		double b = scale_of(&s->gallery, g);

		s->joint(scale_of(&s->query, q), &b, &c, &h, 1, j->d);
		return h + (bias_of(&s->query, q) + bias_of(&s->gallery, g));
	}
	if (s->log1p)
		h = fl_log1p(h > ONE_PLUS_MIN - 1 ? h : ONE_PLUS_MIN - 1);
	return scale_of(&s->query, q) * scale_of(&s->gallery, g) * h +
	       (bias_of(&s->query, q) + bias_of(&s->gallery, g));
}

/* The F32 next to x, not above or not below it. */
static float below(double x)
{
	float f = (float)x;

	return (double)f > x ? nextafterf(f, -INFINITY) : f;
}

static float above(double x)
{
	float f = (float)x;

	return (double)f < x ? nextafterf(f, INFINITY) : f;
}

/* Upper bounds of the scores of query q (row i of the tile) with n columns. */
struct bound {
	float eps;		/* c is at most that much larger than the tile's */
	float a, b;		/* scale and bias of the query, slack included */
	double width;		/* scores are at most that much smaller than the bound */
	size_t q;		/* the query */
};

static struct bound bound_of(const struct job *j, const struct worker *w, size_t q)
{
	const struct block *x = &j->q;
	double eps = 0, c = x->len[q] * w->g.len_max, a, b, slack;
	struct bound o = { .q = j->q0 + q };

	if (w->narrow)
		eps = fl_coarse_error((enum fl_coarse)j->coarse, j->d, x->len[q], x->err[q],
		                      w->g.len_max, w->g.err_max) + 0x1p-22 * c;
	o.eps = above(eps);
	if (j->plain) {
		o.width = 2.0 * (double)o.eps + (w->narrow ? 0x1p-21 * c : 0);
		return o;
	}
	a = scale_of(&j->s->query, j->q0 + q);
	b = bias_of(&j->s->query, j->q0 + q);
	if (j->s->joint) {	/* scores themselves, rounded upwards once */
		o.width = 0x1p-22 * (a + w->a_max + fabs(b) + w->b_max);
		return o;
	}
	/* F32 rounds scale, bias, their sum, h and the products; ln(1 + c) besides
	 * takes the rounding of 1 + c as it is */
	slack = 0x1p-20 * (a * w->a_max * (w->h_max + 1 + c) + fabs(b) + w->b_max);
	o.a = (float)a;
	o.b = (float)(b + slack);
	o.width = 2.01 * (slack + a * w->a_max * (double)o.eps);
	return o;
}

FL_BODY void add_body(const float *c, float eps, float *u, size_t n)
{
	for (size_t k = 0; k < n; k++)
		u[k] = c[k] + eps;
}
static void add(const float *c, float eps, float *u, size_t n);
FL_ISA_FN(add, (const float *c, float eps, float *u, size_t n), (c, eps, u, n))

FL_BODY void one_plus_body(float *u, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		float v = 1 + u[k];

		u[k] = v > (float)ONE_PLUS_MIN ? v : (float)ONE_PLUS_MIN;
	}
}
static void one_plus(float *u, size_t n);
FL_ISA_FN(one_plus, (float *u, size_t n), (u, n))

FL_BODY void affine_body(float *u, float a, const float *A, float b, const float *B, size_t n)
{
	for (size_t k = 0; k < n; k++)
		u[k] = u[k] * (a * A[k]) + (b + B[k]);
}
static void affine(float *u, float a, const float *A, float b, const float *B, size_t n);
FL_ISA_FN(affine, (float *u, float a, const float *A, float b, const float *B, size_t n),
          (u, a, A, b, B, n))

static void joint_scores(const struct job *j, size_t q, const float *c, size_t g, float *u, size_t n)
{
	const struct fl_search *s = j->s;
	double a = scale_of(&s->query, q), b[GROUP], out[GROUP];

	for (size_t k = 0, m; k < n; k += m) {
		m = n - k < GROUP ? n - k : GROUP;
		for (size_t i = 0; i < m; i++)
			b[i] = scale_of(&s->gallery, g + k + i);
		s->joint(a, b, c + k, out, m, j->d);
		for (size_t i = 0; i < m; i++)
			u[k + i] = above(out[i] + (bias_of(&s->query, q) + bias_of(&s->gallery, g + k + i)));
	}
}

/* Upper bounds of the scores of columns [g,g+n), given row c of the tile. They are in
 * room(n), or in c itself where its products are the scores. */
static const float *upper(const struct job *j, const struct worker *w, const struct bound *o,
                          const float *c, size_t g, size_t n, float *room)
{
	if (j->plain && !w->narrow)
		return c + g;
	if (j->s->joint) {
		joint_scores(j, o->q, c + g, w->g.i0 + g, room, n);
		return room;
	}
	add(c + g, o->eps, room, n);
	if (j->plain)
		return room;
	if (j->s->log1p) {
		one_plus(room, n);
		fl_vlog(room, room, n);
	}
	affine(room, o->a, w->a + g, o->b, w->b + g, n);
	return room;
}

/* --- what stands out in a row of bounds --- */

FL_BODY void some_row_body(const float *u, float t, size_t n, int *any)
{
	int a = 0;

	for (size_t k = 0; k < n; k++)
		a |= u[k] >= t;
	*any = a;
}
static void some_row(const float *u, float t, size_t n, int *any);
FL_ISA_FN(some_row, (const float *u, float t, size_t n, int *any), (u, t, n, any))

FL_BODY void some_col_body(const float *u, float t, const float *least, size_t n, int *any)
{
	int a = 0;

	for (size_t k = 0; k < n; k++)
		a |= (u[k] >= t) | (u[k] >= least[k]);
	*any = a;
}
static void some_col(const float *u, float t, const float *least, size_t n, int *any);
FL_ISA_FN(some_col, (const float *u, float t, const float *least, size_t n, int *any),
          (u, t, least, n, any))

/* list = columns of u(n) that reach t, or what their own heap asks (least; NULL: no). */
static size_t outstanding(const float *u, float t, const float *least, size_t n, uint32_t *list)
{
	size_t found = 0;

	for (size_t g = 0, m; g < n; g += m) {
		int any;

		m = n - g < GROUP ? n - g : GROUP;
		if (least)
			some_col(u + g, t, least + g, m, &any);
		else
			some_row(u + g, t, m, &any);
		for (size_t k = g; any && k < g + m; k++)
			if (u[k] >= t || (least && u[k] >= least[k]))
				list[found++] = (uint32_t)k;
	}
	return found;
}

FL_BODY void tally_body(const float *u, float hi, float lo, size_t n, uint32_t *nhi, uint32_t *nlo)
{
	uint32_t a = 0, b = 0;

	for (size_t k = 0; k < n; k++) {
		a += u[k] > hi;
		b += u[k] >= lo;
	}
	*nhi = a;
	*nlo = b;
}
static void tally(const float *u, float hi, float lo, size_t n, uint32_t *nhi, uint32_t *nlo);
FL_ISA_FN(tally, (const float *u, float hi, float lo, size_t n, uint32_t *nhi, uint32_t *nlo),
          (u, hi, lo, n, nhi, nlo))

FL_BODY void tally_columns_body(const float *u, const float *hi, const float *lo, size_t n,
                                uint32_t *nhi, uint32_t *nlo)
{
	for (size_t k = 0; k < n; k++) {
		nhi[k] += u[k] > hi[k];
		nlo[k] += u[k] >= lo[k];
	}
}
static void tally_columns(const float *u, const float *hi, const float *lo, size_t n,
                          uint32_t *nhi, uint32_t *nlo);
FL_ISA_FN(tally_columns, (const float *u, const float *hi, const float *lo, size_t n,
          uint32_t *nhi, uint32_t *nlo), (u, hi, lo, n, nhi, nlo))

/* --- what a first pass leaves open --- */

/* The score lies in between. Nearly always that settles what the chain would. */
struct range {
	double lo, hi;
};

static struct range near(const struct job *j, const struct worker *w, size_t q, size_t col)
{
	size_t Q = j->q0 + q, g = w->g.i0 + col;
	double eps = fl_dots_error(j->d, j->q.len[q], w->g.len[col]);
	float c;

	fl_dots_near(j->q.x + q * j->d, w->g.x + col * j->d, 1, j->d, &c);
	return (struct range){ score(j, Q, g, below((double)c - eps)),
	                       score(j, Q, g, above((double)c + eps)) };
}

/* --- hits --- */

static float ask_of(const struct job *j, size_t q)
{
	float t;

	__atomic_load(&j->ask[q], &t, __ATOMIC_RELAXED);
	return t;
}

/* This thread's heap is full of scores of t or more: so are all threads' together. */
static void raise_ask(const struct job *j, size_t q, float t)
{
	float old = ask_of(j, q);

	while (t > old && !__atomic_compare_exchange(&j->ask[q], &old, &t, 1, __ATOMIC_RELAXED,
	                                             __ATOMIC_RELAXED))
		;
}

static void offer_row(const struct job *j, struct worker *w, size_t q, size_t col, double s)
{
	const struct fl_search *f = j->s;
	size_t g = w->g.i0 + col;

	if (!j->K || s < f->min || s < (double)ask_of(j, q) || (f->self && f->self[j->q0 + q] == g))
		return;
	if (fl_heap_push(w->heap + q * j->K, &w->count[q], j->K, (struct fl_hit){ s, (uint32_t)g },
	                 f->gallery.order) && w->count[q] == j->K)
		raise_ask(j, q, below(w->heap[q * j->K].score));
}

static void offer_column(const struct job *j, struct worker *w, size_t q, size_t col, double s)
{
	size_t g = w->g.i0 + col;

	if (!j->KB || s < j->s->min)
		return;
	if (fl_heap_push(j->back + g * j->KB, &j->nback[g], j->KB,
	                 (struct fl_hit){ s, (uint32_t)(j->q0 + q) }, j->s->query.order) &&
	    j->nback[g] == j->KB)
		w->least[col] = below(j->back[g * j->KB].score);
}

static void offer(const struct job *j, struct worker *w, size_t q, size_t col, float c)
{
	double s = score(j, j->q0 + q, w->g.i0 + col, c);

	offer_row(j, w, q, col, s);
	offer_column(j, w, q, col, s);
}

/* Whether it is full now. */
static int add_pair(struct queue *p, size_t q, size_t col)
{
	p->at[p->n].q = q;
	p->at[p->n++].col = col;
	return p->n == FL_DOTS;
}

/* Pairs by their chains, which run side by side. */
static void settle_tight(const struct job *j, struct worker *w)
{
	struct queue *p = &w->tight;
	const float *x[FL_DOTS], *y[FL_DOTS];
	float c[FL_DOTS];

	if (!p->n)
		return;
	for (size_t k = 0; k < p->n; k++) {
		x[k] = j->q.x + p->at[k].q * j->d;
		y[k] = w->g.x + p->at[k].col * j->d;
	}
	fl_dots(x, y, p->n, j->d, c);
	for (size_t k = 0; k < p->n; k++)
		offer(j, w, p->at[k].q, p->at[k].col, c[k]);
	w->exact += p->n;
	p->n = 0;
}

static void settle_open(const struct job *j, struct worker *w)
{
	struct queue *p = &w->open;

	for (size_t k = 0; k < p->n; k++) {
		size_t q = p->at[k].q, col = p->at[k].col;
		double hi = near(j, w, q, col).hi;

		if (((j->K && hi >= (double)ask_of(j, q)) || (j->KB && hi >= (double)w->least[col])) &&
		    add_pair(&w->tight, q, col))
			settle_tight(j, w);
	}
	p->n = 0;
}

/* The rows of a pair are in no cache near by: they are on their way while others are
 * looked for. */
static void consider(const struct job *j, struct worker *w, size_t q, size_t col)
{
	const float *x = j->q.x + q * j->d, *y = w->g.x + col * j->d;

	for (size_t k = 0; k < j->d && k < FETCH; k += LINE) {
		__builtin_prefetch(x + k);
		__builtin_prefetch(y + k);
	}
	if (add_pair(&w->open, q, col))
		settle_open(j, w);
}

static void take_hits(const struct job *j, struct worker *w, size_t q, const float *row,
                      const float *u)
{
	size_t n = outstanding(u, j->K ? ask_of(j, q) : INFINITY, j->KB ? w->least : NULL, w->g.n, w->list);

	for (size_t k = 0; k < n; k++)
		if (w->narrow)
			consider(j, w, q, w->list[k]);
		else
			offer(j, w, q, w->list[k], row[w->list[k]]);
}

/* The same from row i of w->large. */
static void take_large(const struct job *j, struct worker *w, size_t q, size_t i)
{
	const uint32_t *mask = w->large.mask + i * w->large.ld;

	for (size_t c = 0; c < w->g.n; c += FL_COARSE_STRIP)
		for (uint32_t m = mask[c / FL_COARSE_STRIP]; m; m &= m - 1) {
			size_t col = c + (size_t)__builtin_ctz(m);

			if (col < w->g.n)
				consider(j, w, q, col);
		}
}

/* The least product whose score may be t, its own: a cosine of -1 is of any below, too. */
static double product_for(const struct job *j, double t)
{
	return j->s->unit && t <= -1 ? -INFINITY : t;
}

/* What a tile of queries [q0,q0+m) asks of products. */
static void set_large(const struct job *j, struct worker *w, size_t q0, size_t m)
{
	double widest = 0;

	for (size_t i = 0; i < m; i++) {
		double eps = (double)bound_of(j, w, q0 + i).eps;

		w->row[i] = j->K ? below(product_for(j, (double)ask_of(j, q0 + i)) - eps) : INFINITY;
		widest = fmax(widest, eps);
	}
	for (size_t c = 0; j->KB && c < w->g.n; c++)
		w->col[c] = below(product_for(j, (double)w->least[c]) - widest);
}

/* --- where given rows stand --- */

static void count_one(struct fl_stand *t, size_t p, double s, uint32_t order, uint32_t mine)
{
	if (s > t->score[p]) {
		__atomic_fetch_add(&t->above[p], 1, __ATOMIC_RELAXED);
	} else if (s >= t->score[p] && order != mine) {
		__atomic_fetch_add(&t->level[p], 1, __ATOMIC_RELAXED);
		if (order < mine)
			__atomic_fetch_add(&t->before[p], 1, __ATOMIC_RELAXED);
	}
}

/* A pair that the bounds leave open; t: of one of the two. row: of the tile. */
static void count_open(const struct job *j, struct worker *w, struct fl_stand *t, size_t p, size_t q,
                       size_t col, const float *row)
{
	const float *x = j->q.x + q * j->d, *y = w->g.x + col * j->d;
	size_t Q = j->q0 + q, g = w->g.i0 + col;
	int back = t == j->s->back_stand;
	const struct fl_rows *mine = back ? &j->s->query : &j->s->gallery;
	float c = row[col];

	if (w->narrow) {
		struct range s = near(j, w, q, col);

		if (s.hi < t->score[p])
			return;
		if (s.lo > t->score[p]) {
			__atomic_fetch_add(&t->above[p], 1, __ATOMIC_RELAXED);
			return;
		}
		fl_dots(&x, &y, 1, j->d, &c);
		w->exact++;
	}
	count_one(t, p, score(j, Q, g, c), order_of(mine, back ? Q : g), order_of(mine, t->row[p]));
}

/* Whether the row stands beyond the depth that matters: one more, because the query's own
 * row may have been counted. */
static int is_far(const struct fl_stand *t, size_t i, size_t p)
{
	return t->depth && __atomic_load_n(&t->above[p], __ATOMIC_RELAXED) > t->depth[i];
}

/* Of query q, by the scores of this row of the tile. */
static void stand_row(const struct job *j, struct worker *w, size_t q, const float *row,
                      const float *u, const struct bound *o)
{
	struct fl_stand *t = j->s->stand;
	size_t Q = j->q0 + q;

	for (size_t p = t->first[Q]; p < t->first[Q + 1]; p++) {
		float hi = above(t->score[p] + o->width), lo = below(t->score[p]);
		uint32_t nhi, nlo;

		if (is_far(t, Q, p))
			continue;
		tally(u, hi, lo, w->g.n, &nhi, &nlo);
		if (nhi)
			__atomic_fetch_add(&t->above[p], nhi, __ATOMIC_RELAXED);
		for (size_t k = 0; nlo > nhi && k < w->g.n; k++)
			if (u[k] >= lo && u[k] <= hi)
				count_open(j, w, t, p, q, k, row);
	}
}

/* Of gallery rows: bounds for every column, as wide as the widest row of the tile. */
static void begin_columns(const struct job *j, struct worker *w, double width)
{
	const struct fl_stand *t = j->s->back_stand;

	w->R = 0;
	for (size_t c = 0; c < w->g.n; c++) {
		size_t R = t->first[w->g.i0 + c + 1] - t->first[w->g.i0 + c];

		w->R = R > w->R ? R : w->R;
	}
	for (size_t r = 0; r < w->R; r++)
		for (size_t c = 0; c < w->g.n; c++) {
			size_t p = t->first[w->g.i0 + c] + r;
			int there = p < t->first[w->g.i0 + c + 1] && !is_far(t, w->g.i0 + c, p);

			w->hi[r * j->B + c] = there ? above(t->score[p] + width) : INFINITY;
			w->lo[r * j->B + c] = there ? below(t->score[p]) : INFINITY;
		}
	memset(w->nhi, 0, w->R * j->B * sizeof *w->nhi);
	memset(w->nlo, 0, w->R * j->B * sizeof *w->nlo);
}

/* The queries of the tile whose score with column c the bounds leave open. */
static void open_column(const struct job *j, struct worker *w, size_t r, size_t c, size_t q0,
                        size_t m)
{
	struct fl_stand *t = j->s->back_stand;
	size_t p = t->first[w->g.i0 + c] + r;

	for (size_t i = 0; i < m; i++) {
		const float *row = w->tile + i * w->ldc;
		struct bound o = bound_of(j, w, q0 + i);
		float room, u = *upper(j, w, &o, row, c, 1, &room);

		if (u >= w->lo[r * j->B + c] && u <= w->hi[r * j->B + c])
			count_open(j, w, t, p, q0 + i, c, row);
	}
}

static void end_columns(const struct job *j, struct worker *w, size_t q0, size_t m)
{
	struct fl_stand *t = j->s->back_stand;

	for (size_t r = 0; r < w->R; r++)
		for (size_t c = 0; c < w->g.n; c++) {
			uint32_t hi = w->nhi[r * j->B + c], lo = w->nlo[r * j->B + c];

			if (lo)
				t->above[t->first[w->g.i0 + c] + r] += hi;
			if (lo > hi)
				open_column(j, w, r, c, q0, m);
		}
}

/* --- tiles --- */

static double widest(const struct job *j, const struct worker *w, size_t q0, size_t m)
{
	double width = 0;

	for (size_t i = 0; i < m; i++)
		width = fmax(width, bound_of(j, w, q0 + i).width);
	return width;
}

/* w->tile holds queries [q0,q0+m) of those in memory, unless hits are read off masks. */
static void scan(const struct job *j, struct worker *w, size_t q0, size_t m)
{
	const struct fl_search *s = j->s;

	if (s->back_stand)
		begin_columns(j, w, widest(j, w, q0, m));
	for (size_t i = 0; i < m; i++) {
		float *row = w->tile + i * w->ldc;
		struct bound o;
		const float *u;

		if (w->masks)
			take_large(j, w, q0 + i, i);
		if (w->masks && !s->stand && !s->back_stand)
			continue;
		if (s->unit)
			fl_vcosine(row, w->g.n);
		o = bound_of(j, w, q0 + i);
		u = upper(j, w, &o, row, 0, w->g.n, w->u);
		if (!w->masks && (j->K || j->KB))
			take_hits(j, w, q0 + i, row, u);
		if (s->stand)
			stand_row(j, w, q0 + i, row, u, &o);
		for (size_t r = 0; s->back_stand && r < w->R; r++)
			tally_columns(u, w->hi + r * j->B, w->lo + r * j->B, w->g.n, w->nhi + r * j->B,
			              w->nlo + r * j->B);
	}
	settle_open(j, w);
	settle_tight(j, w);
	if (s->back_stand)
		end_columns(j, w, q0, m);
}

/* From query q on. */
static void coarse_tiles(const struct job *j, struct worker *w, size_t q)
{
	enum fl_coarse t = (enum fl_coarse)j->coarse;
	size_t stride = fl_coarse_bytes(t, j->d);

	int stands = j->s->stand || j->s->back_stand;

	w->narrow = 1;
	w->masks = j->plain && (j->K || j->KB);
	fl_coarse_pack(t, w->g.narrow, w->g.n, j->d, w->packed);
	for (size_t m; q < j->Q; q += m) {
		m = j->Q - q < TILE ? j->Q - q : TILE;
		if (w->masks)
			set_large(j, w, q, m);
		fl_coarse_tile(t, j->q.narrow + q * stride, j->q.scale + q, m, w->packed, w->g.scale,
		               w->g.n, j->d, w->masks && !stands ? NULL : w->tile, w->ldc,
		               w->masks ? &w->large : NULL);
		scan(j, w, q, m);
	}
}

/* The definition's products of queries up to end. */
static void exact_tiles(const struct job *j, struct worker *w, size_t end)
{
	w->narrow = w->masks = 0;
	fl_pack_rows(w->g.x, w->g.n, j->d, w->gallery);
	for (size_t m, q = 0; q < end; q += m) {
		const float *a = j->packed ? j->packed + q * j->d : w->queries;

		m = end - q < TILE ? end - q : TILE;
		if (!j->packed)
			fl_pack_a(j->q.x + q * j->d, m, j->d, w->queries);
		fl_packed_product(a, m, w->gallery, w->g.n, j->d, w->tile, w->ldc);
		scan(j, w, q, m);
	}
}

/* --- blocks --- */

static int bad_row(const struct fl_rows *r, size_t i, const char *what, struct fl_err *e)
{
	char where[256];

	r->where(r->ctx, i, where, sizeof where);
	return fl_fail(e, FL_EDATA, "%s %s", where, what);
}

/* Row k of b from x: its length, unit where asked, narrow where asked (scratch). */
static int prepare_row(const struct job *j, const struct fl_rows *r, struct block *b, size_t k,
                       const float *x, float *scratch, struct fl_err *e)
{
	double len = j->s->unit ? sqrt(fl_vsumsq(x, j->d)) : fl_length(x, j->d);

	if (!isfinite(len))
		return bad_row(r, b->i0 + k, "is not finite", e);
	if (j->s->unit && len == 0)
		return bad_row(r, b->i0 + k, "is all zeros, which has no direction", e);
	if (j->s->unit) {
		fl_scale_row(x, 1 / len, b->room + k * j->d, j->d);
		x = b->room + k * j->d;
		len = 1 + 1e-6;
	}
	b->len[k] = len;
	if (b->narrow && len <= LENGTH_MAX) {
		enum fl_coarse t = (enum fl_coarse)j->coarse;

		b->err[k] = fl_coarse_row(t, x, j->d, b->narrow + k * fl_coarse_bytes(t, j->d),
		                          &b->scale[k], scratch);
	}
	return 0;
}

/* Rows [k0,k0+n) of b, which begins at row i0 of r; all of b where in_place. */
static int prepare(const struct job *j, const struct fl_rows *r, struct block *b, size_t k0,
                   size_t n, int in_place, float *scratch, struct fl_err *e)
{
	const float *x = in_place && r->at ? r->at(r->ctx, b->i0, n) : NULL;

	if (!x) {
		if (r->read(r->ctx, b->i0 + k0, n, b->room + k0 * j->d, e))
			return -1;
		x = b->room + k0 * j->d;
	}
	for (size_t k = 0; k < n; k++)
		if (prepare_row(j, r, b, k0 + k, x + k * j->d, scratch, e))
			return -1;
	if (in_place)
		b->x = j->s->unit ? b->room : x;
	return 0;
}

static void longest(struct block *b)
{
	b->len_max = b->err_max = 0;
	b->longest = 0;
	for (size_t k = 0; k < b->n; k++) {
		if (b->len[k] > b->len_max) {
			b->len_max = b->len[k];
			b->longest = k;
		}
		b->err_max = fmax(b->err_max, b->err[k]);
	}
}

static int check_range(const struct job *j, const struct block *g, struct fl_err *e)
{
	const struct fl_search *s = j->s;
	char a[256], b[256];

	if (j->q.len_max * g->len_max < PRODUCT_MAX)
		return 0;
	s->query.where(s->query.ctx, j->q.i0 + j->q.longest, a, sizeof a);
	s->gallery.where(s->gallery.ctx, g->i0 + g->longest, b, sizeof b);
	return fl_fail(e, FL_ENUM, "the product of %s and %s may leave the range of F32", a, b);
}

/* Scales and biases of the block in F32, and what its columns ask. */
static void columns(const struct job *j, struct worker *w)
{
	const struct fl_rows *r = &j->s->gallery;

	w->a_max = w->b_max = 0;
	w->h_max = j->s->log1p ? -fl_log(ONE_PLUS_MIN) : 0;
	for (size_t k = 0; !j->plain && k < w->g.n; k++) {
		double a = scale_of(r, w->g.i0 + k), b = bias_of(r, w->g.i0 + k);

		w->a[k] = (float)a;
		w->b[k] = (float)b;
		w->a_max = fmax(w->a_max, a);
		w->b_max = fmax(w->b_max, fabs(b));
	}
	for (size_t k = 0; j->KB && k < w->g.n; k++) {
		size_t g = w->g.i0 + k;

		w->least[k] = j->nback[g] == j->KB ? below(j->back[g * j->KB].score) : below(j->s->min);
	}
}

/* Queries of this block to form in F32. A first pass leaves everything open as long as
 * heaps are not full: a thread's first block, and the first tile of new columns. */
static size_t exact_queries(const struct job *j, const struct worker *w)
{
	if (j->pass == FL_FIRST_EXACT || w->g.len_max > LENGTH_MAX || j->q.len_max > LENGTH_MAX ||
	    (j->K && w->count[j->Q - 1] < j->K))
		return j->Q;
	if (j->KB && j->nback[w->g.i0] < j->KB)
		return j->Q < TILE ? j->Q : TILE;
	return 0;
}

static int do_block(void *ctx, size_t item, int thread, struct fl_err *e)
{
	struct job *j = ctx;
	struct worker *w = &j->w[thread];
	size_t G = j->s->gallery.n, exact;

	w->g.i0 = item * j->B;
	w->g.n = G - w->g.i0 < j->B ? G - w->g.i0 : j->B;
	if (prepare(j, &j->s->gallery, &w->g, 0, w->g.n, 1, w->pack, e))
		return -1;
	longest(&w->g);
	if (check_range(j, &w->g, e))
		return -1;
	columns(j, w);
	exact = exact_queries(j, w);
	exact_tiles(j, w, exact);
	if (exact < j->Q)
		coarse_tiles(j, w, exact);
	return 0;
}

/* --- queries --- */

static int do_queries(void *ctx, size_t item, int thread, struct fl_err *e)
{
	struct job *j = ctx;
	size_t k = item * TILE, n = j->Q - k < TILE ? j->Q - k : TILE;

	if (prepare(j, &j->s->query, &j->q, k, n, 0, j->w[thread].pack, e))
		return -1;
	if (j->packed)
		fl_pack_a(j->q.x + k * j->d, n, j->d, j->packed + k * j->d);
	return 0;
}

static void empty_heaps(struct job *j)
{
	for (int t = 0; j->K && t < j->threads; t++)
		for (size_t q = 0; q < j->Q; q++) {
			j->w[t].count[q] = 0;
			j->ask[q] = below(j->s->min);
		}
}

/* All threads' hits of n heaps into the table, and the ties at its end. */
static void publish(struct fl_top *top, size_t i, struct fl_hit *h, uint32_t n,
                    const uint32_t *order)
{
	fl_heap_sort(h, n, order);
	top->tied += n > top->k && !(h[top->k - 1].score > h[top->k].score);
	top->count[i] = n < top->k ? n : (uint32_t)top->k;
	memcpy(top->hit + i * top->k, h, top->count[i] * sizeof *h);
}

static void merge(struct job *j)
{
	struct worker *one = &j->w[0];

	for (size_t q = 0; j->K && q < j->Q; q++) {
		for (int t = 1; t < j->threads; t++)
			for (size_t k = 0; k < j->w[t].count[q]; k++)
				fl_heap_push(one->heap + q * j->K, &one->count[q], j->K,
				             j->w[t].heap[q * j->K + k], j->s->gallery.order);
		publish(&j->out->top, j->q0 + q, one->heap + q * j->K, one->count[q],
		        j->s->gallery.order);
	}
}

static int do_chunk(struct job *j, struct fl_err *e)
{
	size_t blocks = (j->s->gallery.n + j->B - 1) / j->B;

	j->q.i0 = j->q0;
	j->q.n = j->Q;
	if (fl_par_for((j->Q + TILE - 1) / TILE, j->threads, j, do_queries, e))
		return -1;
	longest(&j->q);
	empty_heaps(j);
	if (fl_par_for(blocks, j->threads, j, do_block, e))
		return -1;
	merge(j);
	j->out->chunks++;
	return 0;
}

/* --- scores of given rows --- */

struct pairs {
	const struct job *j;
	const struct fl_rows *own, *other;
	struct fl_stand *t;
};

static int one_row(const struct job *j, const struct fl_rows *r, size_t i, float *x, struct fl_err *e)
{
	double len, err;
	struct block b = { .i0 = i, .room = x, .len = &len, .err = &err };

	return prepare(j, r, &b, 0, 1, 0, NULL, e);
}

static int do_pairs(void *ctx, size_t i, int thread, struct fl_err *e)
{
	const struct pairs *p = ctx;
	float *x = p->j->w[thread].room, *y = x + p->j->d, c;
	const float *a = x, *b = y;
	int back = p->own == &p->j->s->gallery;

	if (p->t->first[i] == p->t->first[i + 1])
		return 0;
	if (one_row(p->j, p->own, i, x, e))
		return -1;
	for (size_t k = p->t->first[i]; k < p->t->first[i + 1]; k++) {
		size_t o = p->t->row[k];

		if (one_row(p->j, p->other, o, y, e))
			return -1;
		fl_dots(&a, &b, 1, p->j->d, &c);
		p->t->score[k] = score(p->j, back ? o : i, back ? i : o, c);
		p->t->above[k] = p->t->level[k] = p->t->before[k] = 0;
	}
	return 0;
}

static int score_pairs(struct job *j, struct fl_err *e)
{
	const struct fl_search *s = j->s;
	struct pairs a = { j, &s->query, &s->gallery, s->stand };
	struct pairs b = { j, &s->gallery, &s->query, s->back_stand };

	return (s->stand && fl_par_for(s->query.n, j->threads, &a, do_pairs, e)) ||
	       (s->back_stand && fl_par_for(s->gallery.n, j->threads, &b, do_pairs, e)) ? -1 : 0;
}

/* Takes query i's own row out of what was counted. */
static int do_self(void *ctx, size_t i, int thread, struct fl_err *e)
{
	const struct pairs *p = ctx;
	const struct fl_rows *g = &p->j->s->gallery;
	float *x = p->j->w[thread].room, *y = x + p->j->d, c;
	const float *a = x, *b = y;
	uint32_t self = p->j->s->self[i];
	double s;

	if (self == UINT32_MAX || p->t->first[i] == p->t->first[i + 1])
		return 0;
	if (one_row(p->j, p->own, i, x, e) || one_row(p->j, g, self, y, e))
		return -1;
	fl_dots(&a, &b, 1, p->j->d, &c);
	s = score(p->j, i, self, c);
	for (size_t k = p->t->first[i]; k < p->t->first[i + 1]; k++)
		if (s > p->t->score[k]) {
			p->t->above[k]--;
		} else if (s >= p->t->score[k] && self != p->t->row[k]) {
			p->t->level[k]--;
			p->t->before[k] -= order_of(g, self) < order_of(g, p->t->row[k]);
		}
	return 0;
}

static int without_self(struct job *j, struct fl_err *e)
{
	const struct fl_search *s = j->s;
	struct pairs p = { j, &s->query, &s->gallery, s->stand };

	return s->stand && s->self ? fl_par_for(s->query.n, j->threads, &p, do_self, e) : 0;
}

static void mark_far(struct fl_stand *t, size_t n)
{
	for (size_t i = 0; t && t->depth && i < n; i++)
		for (size_t p = t->first[i]; p < t->first[i + 1]; p++)
			if (t->above[p] >= t->depth[i]) {
				t->above[p] = FL_STAND_FAR;
				t->level[p] = t->before[p] = 0;
			}
}

/* --- memory --- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static int block_init(struct block *b, struct fl_arena *a, const struct job *j, size_t n,
                      struct fl_err *e)
{
	size_t whole = round_up(n, FL_COARSE_STRIP);

	b->x = b->room = fl_arena_get(a, whole * j->d, sizeof *b->room, e);
	b->len = fl_arena_zero(a, whole, sizeof *b->len, e);
	b->err = fl_arena_zero(a, whole, sizeof *b->err, e);
	if (!b->x || !b->len || !b->err)
		return -1;
	if (j->coarse < 0)
		return 0;
	b->narrow = fl_arena_zero(a, whole, fl_coarse_bytes((enum fl_coarse)j->coarse, j->d), e);
	b->scale = fl_arena_zero(a, whole, sizeof *b->scale, e);
	return b->narrow && b->scale ? 0 : -1;
}

/* Rows of a block: what products read fits half the second-level cache, and every thread
 * has some. */
static size_t block_rows(const struct job *j)
{
	const struct fl_search *s = j->s;
	size_t B = (j->coarse < 0 ? BLOCK_FLOATS : NARROW_FLOATS) / s->query.d, share = s->gallery.n / (4 * (size_t)s->threads);

	B = B < BLOCK_MIN ? BLOCK_MIN : B > BLOCK_MAX ? BLOCK_MAX : B;
	share = share < BLOCK_MIN ? BLOCK_MIN : share;
	return round_up(B < share ? B : share, FL_COARSE_STRIP);
}

static int worker_init(struct worker *w, const struct job *j, struct fl_err *e)
{
	struct fl_arena *a = &w->arena;
	size_t B = j->B, lists = j->s->back_stand ? j->longest_list : 0, scratch = 0, bytes = 0;
	size_t masks = j->coarse >= 0 ? TILE : 0;

	if (j->coarse >= 0) {
		scratch = fl_coarse_scratch((enum fl_coarse)j->coarse, j->d);
		bytes = fl_coarse_bytes((enum fl_coarse)j->coarse, j->d) * B;
	}
	w->ldc = B;
	if (block_init(&w->g, a, j, B, e) ||
	    !(w->packed = fl_arena_get(a, bytes, 1, e)) ||
	    !(w->pack = fl_arena_get(a, scratch, sizeof *w->pack, e)) ||
	    !(w->queries = fl_arena_get(a, j->packed ? 0 : fl_packed_a(TILE, j->d), sizeof *w->queries, e)) ||
	    !(w->gallery = fl_arena_get(a, fl_packed_b(B, j->d), sizeof *w->gallery, e)) ||
	    !(w->tile = fl_arena_get(a, TILE * B, sizeof *w->tile, e)) ||
	    !(w->u = fl_arena_get(a, B, sizeof *w->u, e)) ||
	    !(w->a = fl_arena_get(a, B, sizeof *w->a, e)) ||
	    !(w->b = fl_arena_get(a, B, sizeof *w->b, e)) ||
	    !(w->least = fl_arena_get(a, B, sizeof *w->least, e)) ||
	    !(w->list = fl_arena_get(a, B, sizeof *w->list, e)) ||
	    !(w->large.mask = fl_arena_get(a, masks * B / FL_COARSE_STRIP, sizeof *w->large.mask, e)) ||
	    !(w->row = fl_arena_get(a, masks, sizeof *w->row, e)) ||
	    !(w->col = fl_arena_get(a, B, sizeof *w->col, e)) ||
	    !(w->room = fl_arena_get(a, 2 * j->d, sizeof *w->room, e)) ||
	    !(w->hi = fl_arena_get(a, lists * B, sizeof *w->hi, e)) ||
	    !(w->lo = fl_arena_get(a, lists * B, sizeof *w->lo, e)) ||
	    !(w->nhi = fl_arena_get(a, lists * B, sizeof *w->nhi, e)) ||
	    !(w->nlo = fl_arena_get(a, lists * B, sizeof *w->nlo, e)) ||
	    !(w->heap = fl_arena_get(a, j->Q * j->K, sizeof *w->heap, e)) ||
	    !(w->count = fl_arena_get(a, j->Q, sizeof *w->count, e)))
		return -1;
	w->large.row = w->row;
	w->large.col = j->KB ? w->col : NULL;
	w->large.ld = B / FL_COARSE_STRIP;
	return 0;
}

static int top_init(struct fl_top *t, struct fl_arena *a, size_t n, size_t k, struct fl_err *e)
{
	size_t all;

	*t = (struct fl_top){ .n = n, .k = k };
	if (!k)
		return 0;
	if (fl_mul(n, k, &all))
		return fl_fail_mem(e, SIZE_MAX);
	t->hit = fl_arena_zero(a, all, sizeof *t->hit, e);
	t->count = fl_arena_zero(a, n, sizeof *t->count, e);
	return t->hit && t->count ? 0 : -1;
}

/* Queries whose rows and heaps fit s->memory; all of them in equal parts. */
static size_t chunk_rows(const struct job *j)
{
	const struct fl_search *s = j->s;
	size_t one = (j->coarse >= 0 ? fl_coarse_bytes((enum fl_coarse)j->coarse, j->d) : 0) +
	             (j->pass == FL_FIRST_EXACT ? 2 : 1) * j->d * sizeof(float) + 24 +
	             (size_t)j->threads * (j->K * sizeof(struct fl_hit) + 8);
	size_t fit = s->memory / one, n;

	if (fit < CHUNK_MIN)
		fit = CHUNK_MIN;
	n = (s->query.n + fit - 1) / fit;
	return n ? (s->query.n + n - 1) / n : 0;
}

/* Hits kept: one more than asked tells ties; never more than there are. */
static size_t kept(size_t k, size_t n)
{
	return !k ? 0 : k < n ? k + 1 : n;
}

/* Whether places matter far down among m rows, where scores lie so close that a first
 * pass leaves most of them open. */
static int is_deep(const struct fl_stand *t, size_t n, size_t m)
{
	for (size_t i = 0; t && t->depth && i < n; i++)
		if (t->first[i] < t->first[i + 1] && t->depth[i] * HITS_SHARE > m)
			return 1;
	return t && !t->depth;
}

/* Whether a first pass is likely to pay. */
static int is_worth(const struct fl_search *s)
{
	size_t Q = s->query.n, G = s->gallery.n;

	return Q >= QUERIES_MIN && s->k * HITS_SHARE <= G && s->back_k * HITS_SHARE <= Q &&
	       !is_deep(s->stand, Q, G) && !is_deep(s->back_stand, G, Q);
}

static int coarse_of(enum fl_first pass)
{
	return pass == FL_FIRST_BF16 ? FL_COARSE_BF16 : pass == FL_FIRST_INT8 ? FL_COARSE_INT8 : -1;
}

static enum fl_first best_pass(const struct fl_search *s)
{
	if (!is_worth(s))
		return FL_FIRST_EXACT;
	switch (fl_coarse_best()) {
	case FL_COARSE_INT8: return FL_FIRST_INT8;
	case FL_COARSE_BF16: return FL_FIRST_BF16;
	default: return FL_FIRST_EXACT;
	}
}

static enum fl_first choose_pass(const struct fl_search *s)
{
	enum fl_first p = s->pass == FL_FIRST_AUTO ? best_pass(s) : s->pass;

	/* The slack of ln(1 + c) has no bound near c = -1, so places would all be open. */
	if (s->joint || (coarse_of(p) >= 0 && !fl_coarse_has((enum fl_coarse)coarse_of(p))) ||
	    s->query.d > FL_COARSE_D_MAX || (s->log1p && (s->stand || s->back_stand)))
		return FL_FIRST_EXACT;
	return p;
}

static int setup(struct job *j, struct fl_err *e)
{
	const struct fl_search *s = j->s;

	j->d = s->query.d;
	j->threads = s->threads;
	j->pass = choose_pass(s);
	j->coarse = coarse_of(j->pass);
	j->plain = !s->log1p && !s->joint && !s->query.scale && !s->query.bias && !s->gallery.scale && !s->gallery.bias;
	j->K = kept(s->k, s->gallery.n);
	j->KB = kept(s->back_k, s->query.n);
	j->B = block_rows(j);
	j->Q = chunk_rows(j);
	for (size_t i = 0; s->back_stand && i < s->gallery.n; i++) {
		size_t R = s->back_stand->first[i + 1] - s->back_stand->first[i];

		j->longest_list = R > j->longest_list ? R : j->longest_list;
	}
	if (top_init(&j->out->top, &j->out->arena, s->query.n, least(s->k, s->gallery.n), e) ||
	    top_init(&j->out->back, &j->out->arena, s->gallery.n, least(s->back_k, s->query.n), e) ||
	    block_init(&j->q, &j->arena, j, j->Q, e) ||
	    (j->pass == FL_FIRST_EXACT &&
	     !(j->packed = fl_arena_get(&j->arena, fl_packed_a(j->Q, j->d), sizeof *j->packed, e))) ||
	    !(j->back = fl_arena_get(&j->arena, s->gallery.n * j->KB, sizeof *j->back, e)) ||
	    !(j->nback = fl_arena_zero(&j->arena, j->KB ? s->gallery.n : 0, sizeof *j->nback, e)) ||
	    !(j->ask = fl_arena_get(&j->arena, j->K ? j->Q : 0, sizeof *j->ask, e)) ||
	    !(j->w = fl_arena_zero(&j->arena, (size_t)j->threads, sizeof *j->w, e)))
		return -1;
	for (int t = 0; t < j->threads; t++)
		if (worker_init(&j->w[t], j, e))
			return -1;
	return score_pairs(j, e);
}

static int search(struct job *j, struct fl_err *e)
{
	const struct fl_search *s = j->s;
	size_t step;

	if (setup(j, e))
		return -1;
	step = j->Q;
	for (j->q0 = 0; j->q0 < s->query.n; j->q0 += step) {
		j->Q = s->query.n - j->q0 < step ? s->query.n - j->q0 : step;
		if (do_chunk(j, e))
			return -1;
	}
	if (without_self(j, e))
		return -1;
	for (size_t g = 0; j->KB && g < s->gallery.n; g++)
		publish(&j->out->back, g, j->back + g * j->KB, j->nback[g], s->query.order);
	mark_far(s->stand, s->query.n);
	mark_far(s->back_stand, s->gallery.n);
	j->out->pass = j->pass;
	return 0;
}

int fl_search(const struct fl_search *s, struct fl_found *out, struct fl_err *e)
{
	struct job j = { .s = s, .out = out };
	int rc;

	*out = (struct fl_found){ .chunks = 0 };
	if (s->query.d != s->gallery.d)
		return fl_fail(e, FL_EDATA, "queries have rows of %zu values, the gallery of %zu",
		               s->query.d, s->gallery.d);
	rc = search(&j, e);
	for (int t = 0; j.w && t < j.threads; t++) {
		out->exact += j.w[t].exact;
		fl_arena_release(&j.w[t].arena);
	}
	fl_arena_release(&j.arena);
	if (rc)
		fl_found_release(out);
	return rc;
}

void fl_found_release(struct fl_found *f)
{
	fl_arena_release(&f->arena);
	*f = (struct fl_found){ .chunks = 0 };
}
