/* FedTGP: prototypes of classes that a network at the server makes, g_c, apart from one another
 * by an adaptive margin, and near what clients have as class means p:
 *   min over g of the mean over (p, y) of CE(-(|p - g_c| + delta [c = y])_c, y).
 * delta is the distance from its nearest other class of that class which is farthest from it,
 * of the mean over clients' class means, at most `margin`. Clients' networks may differ. The
 * prototypes go to clients by fl-distill -M prototypes, and into method fedproto. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "fed/distill/distill.h"
#include "fed/distill/hyper.h"
#include "kernel/soften.h"

struct params {
	double margin;
};

static const struct fl_param table[] = {
	{ "margin", FL_P_REAL, offsetof(struct params, margin), "100", 0, 1e9, NULL, "d",
	  "largest margin between classes" },
	{ 0 }
};

static const struct fl_want wants[] = {
	{ FL_KIND_STATS, "classmean", FL_WANT_MANY, NULL },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

struct lesson {
	const struct fl_lesson *f;
	size_t C, d, M;
	double delta;
	float *p;			/* (M,d) clients' class means, by client, then class */
	size_t *y;			/* (M) */
	uint32_t *order;		/* (M) of the pass at hand */
	size_t each, steps;		/* prototypes a step, steps a pass */
	double *far, *q, *grad;		/* (C) (C) (C,d) */
	struct fl_course course;
};

/* --- clients' class means --- */

/* Those of a client; counted only where l->p is NULL. */
static int add_means(struct lesson *l, const struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_tensor *mean = fl_tset_find(rec, "mean"), *n = fl_tset_find(rec, "count");

	if (!mean || !n || mean->dtype != FL_F32 || n->dtype != FL_I64 || mean->ndim != 2 ||
	    mean->dim[0] != l->C || mean->dim[1] != l->d || n->n != l->C)
		return fl_fail(e, FL_EDATA, "'mean' and 'count' are not of %zu classes and %zu numbers each",
		               l->C, l->d);
	for (size_t c = 0; c < l->C; c++) {
		if (((const int64_t *)n->data)[c] <= 0)
			continue;
		if (l->p) {
			memcpy(l->p + l->M * l->d, (const float *)mean->data + c * l->d, l->d * sizeof *l->p);
			l->y[l->M] = c;
		}
		l->M++;
	}
	return 0;
}

static int add_all(struct lesson *l, const struct fl_tset *const *rec, size_t n, struct fl_err *e)
{
	l->M = 0;
	for (size_t k = 0; k < n; k++)
		if (add_means(l, rec[k], e))
			return fl_fail_in(e, "statistic classmean of client %s", fl_meta_get(rec[k], "fl.client"));
	return l->M ? 0 : fl_fail(e, FL_EDATA, "no client has an example of a class");
}

/* Its square, of two classes' sums over n(c) clients. */
static double distance(const struct lesson *l, const double *sum, const double *n, size_t a,
                       size_t b)
{
	double s = 0;

	for (size_t i = 0; i < l->d; i++) {
		double v = sum[a * l->d + i] / n[a] - sum[b * l->d + i] / n[b];

		s += v * v;
	}
	return s;
}

/* The margin: of the means over clients, each as any other. One class has none. */
static int set_margin(struct lesson *l, double most, struct fl_arena *a, struct fl_err *e)
{
	double *sum = fl_arena_zero(a, l->C * l->d, sizeof *sum, e);
	double *n = fl_arena_zero(a, l->C, sizeof *n, e);

	if (!sum || !n)
		return -1;
	for (size_t m = 0; m < l->M; m++) {
		n[l->y[m]]++;
		for (size_t i = 0; i < l->d; i++)
			sum[l->y[m] * l->d + i] += (double)l->p[m * l->d + i];
	}
	l->delta = 0;
	for (size_t c = 0; c < l->C; c++) {
		double near = INFINITY;

		for (size_t k = 0; n[c] > 0 && k < l->C; k++)
			if (k != c && n[k] > 0)
				near = fmin(near, distance(l, sum, n, c, k));
		if (near < INFINITY)
			l->delta = fmax(l->delta, sqrt(near));
	}
	l->delta = fmin(l->delta, most);
	return 0;
}

static int get_room(struct lesson *l, struct fl_arena *a, struct fl_err *e)
{
	size_t n, m;

	if (fl_mul(l->M, l->d, &n) || fl_mul(l->C, l->d, &m))
		return fl_fail_mem(e, SIZE_MAX);
	return (l->p = fl_arena_get(a, n, sizeof *l->p, e)) &&
	       (l->y = fl_arena_get(a, l->M, sizeof *l->y, e)) &&
	       (l->order = fl_arena_get(a, l->M, sizeof *l->order, e)) &&
	       (l->far = fl_arena_get(a, l->C, sizeof *l->far, e)) &&
	       (l->q = fl_arena_get(a, l->C, sizeof *l->q, e)) &&
	       (l->grad = fl_arena_get(a, m, sizeof *l->grad, e)) ? 0 : -1;
}

static int read_means(struct lesson *l, const struct fl_distill_run *r, double margin,
                      struct fl_err *e)
{
	size_t n;
	const struct fl_tset **rec = fl_with_all(r->with, wants, r->who, r->arena, &n, e);

	return !rec || add_all(l, rec, n, e) || get_room(l, r->arena, e) || add_all(l, rec, n, e) ||
	       set_margin(l, margin, r->arena, e) ? -1 : 0;
}

/* --- hooks: each step makes all prototypes --- */

static void load(void *ctx, const uint32_t *idx, size_t i0, size_t B)
{
	struct lesson *l = ctx;
	struct fl_rng r;

	(void)idx;
	(void)i0;
	for (size_t c = 0; c < B; c++)
		l->course.bench.work.act[0][c] = (fl_real)c;
	if (l->course.loop.t % l->steps)
		return;
	for (size_t m = 0; m < l->M; m++)
		l->order[m] = (uint32_t)m;
	fl_course_rng(&l->course, &r);
	if (l->f->shuffle)
		fl_rng_shuffle(&r, l->order, l->M);
}

/* Adds the share of client mean m to the gradients of all prototypes g(C,d). */
static double pull(struct lesson *l, const fl_real *g, size_t m, double by)
{
	const float *p = l->p + m * l->d;
	size_t y = l->y[m];
	double loss;

	for (size_t c = 0; c < l->C; c++) {
		double s = 0;

		for (size_t i = 0; i < l->d; i++) {
			double v = (double)g[c * l->d + i] - (double)p[i];

			s += v * v;
		}
		l->far[c] = sqrt(s);
		l->q[c] = -(l->far[c] + (c == y ? l->delta : 0));
	}
	loss = -l->q[y];
	loss += fl_soften(l->q, l->C, 1, l->q);
	for (size_t c = 0; c < l->C; c++) {
		double w = l->far[c] > 0 ? by * ((c == y) - l->q[c]) / l->far[c] : 0;

		for (size_t i = 0; i < l->d; i++)
			l->grad[c * l->d + i] += w * ((double)g[c * l->d + i] - (double)p[i]);
	}
	return by * loss;
}

static double task(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B, size_t d)
{
	struct lesson *l = ctx;
	size_t at = (size_t)l->course.loop.t % l->steps * l->each;
	size_t n = l->M - at < l->each ? l->M - at : l->each;
	double loss = 0;

	(void)y;
	memset(l->grad, 0, B * d * sizeof *l->grad);
	for (size_t m = 0; m < n; m++)
		loss += pull(l, z, l->order[at + m], 1 / (double)n);
	for (size_t i = 0; i < B * d; i++)
		dz[i] = (fl_real)l->grad[i];
	return loss;
}

/* --- the lesson --- */

static int run(const void *pp, struct fl_distill_run *r, struct fl_err *e)
{
	struct fl_student *to = r->student;
	const struct fl_net *net = to->net;
	struct fl_lesson each = *r->lesson;
	struct lesson l = { .f = r->lesson, .d = net->classes };

	if (fl_numbered_rows(net, "a class", &l.C, e) ||
	    read_means(&l, r, ((const struct params *)pp)->margin, e))
		return -1;
	l.each = (size_t)r->lesson->batch < l.M ? (size_t)r->lesson->batch : l.M;
	l.steps = (l.M + l.each - 1) / l.each;
	each.batch = (int64_t)l.C;
	each.shuffle = 0;
	each.epochs = r->lesson->epochs * (int64_t)l.steps;
	l.course = (struct fl_course){ .net = net, .w = to->w, .N = l.C, .ctx = &l,
	                               .on = { .load = load, .task = task } };
	return fl_course_run(&each, &l.course, &to->loss, e);
}

const struct fl_distill fl_distill_fedtgp = {
	.e = {
		.name = "fedtgp",
		.title = "FedTGP",
		.cite = "Zhang et al., AAAI 2024, arXiv 2401.03230",
		.doc = "a network of prototypes, apart by a margin, near clients' class means",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "min over g of mean over (p,y) of CE(-(|p - g_c| + delta [c = y])_c, y)",
		.note = "HtFLlib's code trains with SGD, lr 0.01, in batches of 10 class means.",
	},
	.needs = FL_DISTILL_OTHER,
	.epochs = 100,
	.with = wants,
	.run = run,
};
