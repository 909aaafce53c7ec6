/* How often the texts and images of pairs find one of their own first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "index/index.h"
#include "model/adapt.h"

enum { MEMORY = 64 << 20 };	/* of a search's blocks */

/* One side's rows that occur, ascending, and what the adapter makes of them. */
struct side {
	uint32_t *row;			/* (n) */
	size_t n, d;
	struct fl_posterior p;
	double *scale, *bias;		/* (n) of fl_rows, or NULL */
	struct fl_arena arena;
};

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int take_rows(struct side *s, const uint32_t *row, size_t n, struct fl_err *e)
{
	if (!(s->row = fl_arena_get(&s->arena, n, sizeof *s->row, e)))
		return -1;
	memcpy(s->row, row, n * sizeof *s->row);
	qsort(s->row, n, sizeof *s->row, by_number);
	for (size_t i = 0; i < n; i++)
		if (!i || s->row[i] != s->row[i - 1])
			s->row[s->n++] = s->row[i];
	return 0;
}

static int get_room(struct side *s, const struct fl_reading *r, enum fl_side side,
                    struct fl_err *e)
{
	size_t values;

	if (fl_mul(s->n, r->d, &values))
		return fl_fail_mem(e, SIZE_MAX);
	s->d = r->d;
	s->p.mean = fl_arena_get(&s->arena, values, sizeof *s->p.mean, e);
	if (!s->p.mean ||
	    (r->kappa[side] &&
	     !(s->p.kappa = fl_arena_get(&s->arena, s->n, sizeof *s->p.kappa, e))) ||
	    (r->var[side] && r->score->beside == FL_BESIDE_SUM &&
	     !(s->p.var = fl_arena_get(&s->arena, values, sizeof *s->p.var, e))) ||
	    (r->uncertainty[side] &&
	     !(s->p.uncertainty = fl_arena_get(&s->arena, s->n, sizeof *s->p.uncertainty, e))))
		return -1;
	return 0;
}

static int apply(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *m,
                 struct side *s, struct fl_err *e)
{
	enum { BATCH = 256 };
	struct fl_work k;
	float *x = fl_arena_get(&s->arena, a->in[side], BATCH * sizeof *x, e);

	if (!x || fl_work_init(&k, &a->net, BATCH, 0, e))
		return -1;
	for (size_t i = 0; i < s->n; i += BATCH) {
		size_t n = s->n - i < BATCH ? s->n - i : BATCH;
		struct fl_posterior out = {
			.mean = s->p.mean + i * s->d,
			.kappa = s->p.kappa ? s->p.kappa + i : NULL,
			.var = s->p.var ? s->p.var + i * s->d : NULL,
			.uncertainty = s->p.uncertainty ? s->p.uncertainty + i : NULL,
		};

		fl_embeds_gather(m, s->row + i, n, x);
		fl_adapter_apply(a, side, x, n, &k, &out);
	}
	fl_work_release(&k);
	return 0;
}

/* What the score takes of row i beside its direction. */
static double beside_row(const struct fl_score *score, const struct side *s, size_t i)
{
	double sum = 0;

	if (score->beside == FL_BESIDE_NUMBER)
		return (double)s->p.kappa[i];
	for (size_t k = 0; k < s->d; k++)
		sum += (double)s->p.var[i * s->d + k];
	return sum;
}

/* Texts are the queries. */
static int weigh(const struct fl_score *score, enum fl_side side, struct side *s, struct fl_err *e)
{
	double *x;

	if (!score->of[side])
		return 0;
	if (!(x = fl_arena_get(&s->arena, s->n, sizeof *x, e)) ||
	    !(s->scale = fl_arena_get(&s->arena, s->n, sizeof *s->scale, e)) ||
	    !(s->bias = fl_arena_get(&s->arena, s->n, sizeof *s->bias, e)))
		return -1;
	for (size_t i = 0; i < s->n; i++)
		x[i] = beside_row(score, s, i);
	fl_score_weigh(score, x, s->n, s->d, side == FL_SIDE_TEXT, s->scale, s->bias);
	return 0;
}

static int prepare(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *m,
                   const uint32_t *row, size_t n, struct side *s, struct fl_err *e)
{
	return take_rows(s, row, n, e) || get_room(s, &a->reading, side, e) ||
	       apply(a, side, m, s, e) || weigh(a->reading.score, side, s, e) ? -1 : 0;
}

static int read_rows(const void *ctx, size_t i0, size_t m, float *out, struct fl_err *e)
{
	const struct side *s = ctx;

	(void)e;
	memcpy(out, s->p.mean + i0 * s->d, m * s->d * sizeof *out);
	return 0;
}

static void where(const void *ctx, size_t i, char *buf, size_t size)
{
	snprintf(buf, size, "row %u", (unsigned)((const struct side *)ctx)->row[i]);
}

static struct fl_rows rows_of(const struct side *s)
{
	return (struct fl_rows){
		.n = s->n, .d = s->d, .read = read_rows, .where = where, .ctx = s, .scale = s->scale,
		.bias = s->bias,
	};
}

static int by_pair(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t *sorted_pairs(const struct fl_pairs *p, struct fl_err *e)
{
	uint64_t *v = fl_alloc(p->n, sizeof *v, e);

	for (size_t i = 0; v && i < p->n; i++)
		v[i] = (uint64_t)p->text[i] << 32 | p->image[i];
	if (v)
		qsort(v, p->n, sizeof *v, by_pair);
	return v;
}

/* Share of the n rows of q whose first hit belongs to them. */
static double share(const struct fl_top *top, const struct side *q, const struct side *g,
                    int text, const uint64_t *pair, size_t n)
{
	size_t right = 0;

	for (size_t i = 0; i < q->n; i++) {
		uint32_t own = q->row[i], other;
		uint64_t key;

		if (!top->count[i])
			continue;
		other = g->row[top->hit[i].row];
		key = text ? (uint64_t)own << 32 | other : (uint64_t)other << 32 | own;
		right += bsearch(&key, pair, n, sizeof *pair, by_pair) != NULL;
	}
	return (double)right / (double)q->n;
}

static int search(const struct fl_adapter *a, const struct side *t, const struct side *g,
                  const struct fl_pairs *pairs, int threads, struct fl_adapt_val *v,
                  struct fl_err *e)
{
	const struct fl_score *score = a->reading.score;
	struct fl_search s = {
		.query = rows_of(t), .gallery = rows_of(g), .unit = score->unit, .log1p = score->log1p,
		.joint = score->joint, .k = 1, .back_k = 1, .min = -INFINITY,
		.pass = FL_FIRST_AUTO, .memory = MEMORY, .threads = threads,
	};
	uint64_t *pair = sorted_pairs(pairs, e);
	struct fl_found f = { .chunks = 0 };
	int rc = pair ? fl_search(&s, &f, e) : -1;

	if (!rc) {
		v->t2i = share(&f.top, t, g, 1, pair, pairs->n);
		v->i2t = share(&f.back, g, t, 0, pair, pairs->n);
		fl_found_release(&f);
	}
	free(pair);
	return rc;
}

static void means(const struct side *t, struct fl_adapt_val *v)
{
	double kappa = 0, u = 0;

	for (size_t i = 0; i < t->n; i++) {
		kappa += t->p.kappa ? (double)t->p.kappa[i] : NAN;
		u += t->p.uncertainty ? t->p.uncertainty[i] : NAN;
	}
	v->kappa = kappa / (double)t->n;
	v->uncertainty = u / (double)t->n;
}

int fl_adapter_recall(const struct fl_adapter *a, const struct fl_embeds *texts,
                      const struct fl_embeds *images, const struct fl_pairs *pairs, int threads,
                      struct fl_adapt_val *v, struct fl_err *e)
{
	struct side t = { .n = 0 }, g = { .n = 0 };
	int rc = prepare(a, FL_SIDE_TEXT, texts, pairs->text, pairs->n, &t, e) ||
	         prepare(a, FL_SIDE_IMAGE, images, pairs->image, pairs->n, &g, e) ? -1 : 0;

	if (!rc)
		means(&t, v);
	if (!rc)
		rc = search(a, &t, &g, pairs, threads, v, e);
	fl_arena_release(&t.arena);
	fl_arena_release(&g.arena);
	return rc;
}
