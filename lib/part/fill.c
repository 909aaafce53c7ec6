/* An example at a time, from the client whose turn it is, of a class drawn from its mixture. */
#include "part/fill.h"

#include <string.h>

#include "base/num.h"

struct fill {
	const struct fl_part *s;
	const size_t *start;	/* (C+1) */
	const uint32_t *rows;
	double *q;		/* (K,C) */
	size_t *left;		/* (C) unused examples */
	size_t *want;		/* (K) */
	uint32_t *open;		/* clients that are not full */
	size_t nopen;
	struct fl_rng r;
};

/* Dirichlet over the classes of positive alpha. */
static void draw_mixture(const struct fl_part *s, const double *alpha, size_t k, double *a,
                         double *p, double *q)
{
	size_t n = 0;
	struct fl_rng r;

	fl_part_rng(&r, s, k, 1);
	for (size_t c = 0; c < s->C; c++)
		if (alpha[c] > 0)
			a[n++] = alpha[c];
	if (n)
		fl_rng_dirichlet(&r, a, p, n);
	n = 0;
	for (size_t c = 0; c < s->C; c++)
		q[c] = alpha[c] > 0 ? p[n++] : 0;
}

/* Class drawn with weight w(c) = q[c], or left[c] where q is NULL, among those
 * with examples left; C where there is no weight. */
static size_t draw_class(struct fill *f, const double *q)
{
	double sum = 0, u;
	size_t C = f->s->C, last = C;

	for (size_t c = 0; c < C; c++)
		if (f->left[c])
			sum += q ? q[c] : (double)f->left[c];
	if (!(sum > 0))
		return C;
	u = fl_rng_real(&f->r) * sum;
	for (size_t c = 0; c < C; c++) {
		double w = q ? q[c] : (double)f->left[c];

		if (!f->left[c] || !(w > 0))
			continue;
		last = c;
		if (u < w)
			return c;
		u -= w;
	}
	return last;		/* u was rounded up */
}

static void take_one(struct fill *f)
{
	size_t i = (size_t)fl_rng_below(&f->r, f->nopen), k = f->open[i];
	size_t c = draw_class(f, f->q + k * f->s->C);

	if (c == f->s->C)
		c = draw_class(f, NULL);
	f->s->owner[f->rows[f->start[c] + --f->left[c]]] = (uint32_t)k;
	if (!--f->want[k])
		f->open[i] = f->open[--f->nopen];
}

static int get_room(struct fill *f, double **a, double **p, struct fl_err *e)
{
	const struct fl_part *s = f->s;
	struct fl_arena *m = s->arena;
	size_t cells;

	if (fl_mul(s->K, s->C, &cells))
		return fl_fail_mem(e, SIZE_MAX);
	return (f->q = fl_arena_get(m, cells, sizeof *f->q, e)) &&
	       (f->left = fl_arena_get(m, s->C, sizeof *f->left, e)) &&
	       (f->want = fl_arena_get(m, s->K, sizeof *f->want, e)) &&
	       (f->open = fl_arena_get(m, s->K, sizeof *f->open, e)) &&
	       (*a = fl_arena_get(m, s->C, sizeof **a, e)) &&
	       (*p = fl_arena_get(m, s->C, sizeof **p, e)) ? 0 : -1;
}

int fl_part_fill(struct fl_part *s, const double *alpha, const size_t *size, int shuffle,
                 struct fl_err *e)
{
	size_t *start = fl_arena_get(s->arena, s->C + 1, sizeof *start, e);
	struct fill f = { .s = s, .start = start };
	double *a = NULL, *p = NULL;

	if (!start || get_room(&f, &a, &p, e))
		return -1;
	f.rows = shuffle ? fl_part_by_label_shuffled(s, start, e) : fl_part_by_label(s, start, e);
	if (!f.rows)
		return -1;
	for (size_t c = 0; c < s->C; c++)
		f.left[c] = start[c + 1] - start[c];
	for (size_t k = 0; k < s->K; k++) {
		draw_mixture(s, alpha, k, a, p, f.q + k * s->C);
		if ((f.want[k] = size[k]))
			f.open[f.nopen++] = (uint32_t)k;
	}
	for (size_t i = 0; i < s->N; i++)
		s->owner[i] = FL_PART_DROPPED;
	fl_part_rng(&f.r, s, 0, 2);
	while (f.nopen)
		take_one(&f);
	s->tries = 1;
	return 0;
}
