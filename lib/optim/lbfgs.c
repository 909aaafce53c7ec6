/* Limited-memory BFGS: the two-loop recursion, and a line search for the strong Wolfe
 * conditions. */
#include "optim/lbfgs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { PAIRS = 10, TRIES = 40 };
#define ARMIJO 1e-4	/* the usual constants of the Wolfe conditions */
#define WOLFE 0.9

struct state {
	struct fl_lbfgs *o;
	double *g, *x1, *g1, *p;	/* (n) gradient, trial point and its gradient, direction */
	double *s, *y;			/* (PAIRS,n) steps, changes of the gradient, a ring */
	double rho[PAIRS];
	size_t have;			/* pairs so far */
	double f, f1, t;		/* t: the trial's step along p */
};

static double dot(const double *a, const double *b, size_t n)
{
	double s = 0;

	for (size_t i = 0; i < n; i++)
		s += a[i] * b[i];
	return s;
}

static double largest(const double *g, size_t n)
{
	double m = 0;

	for (size_t i = 0; i < n; i++)
		m = fabs(g[i]) > m ? fabs(g[i]) : m;
	return m;
}

/* p = -H g by the two loops over the pairs, newest first and back. */
static void direction(struct state *t)
{
	size_t n = t->o->n, m = t->have < PAIRS ? t->have : PAIRS;
	double a[PAIRS];

	for (size_t i = 0; i < n; i++)
		t->p[i] = -t->g[i];
	for (size_t k = 0; k < m; k++) {
		size_t j = (t->have - 1 - k) % PAIRS;

		a[j] = t->rho[j] * dot(t->s + j * n, t->p, n);
		for (size_t i = 0; i < n; i++)
			t->p[i] -= a[j] * t->y[j * n + i];
	}
	if (m) {
		size_t j = (t->have - 1) % PAIRS;
		double scale = 1 / (t->rho[j] * dot(t->y + j * n, t->y + j * n, n));

		for (size_t i = 0; i < n; i++)
			t->p[i] *= scale;
	}
	for (size_t k = m; k-- > 0;) {
		size_t j = (t->have - 1 - k) % PAIRS;
		double b = t->rho[j] * dot(t->y + j * n, t->p, n);

		for (size_t i = 0; i < n; i++)
			t->p[i] += (a[j] - b) * t->s[j * n + i];
	}
}

static double slope_at(struct state *t, const double *x, double step)
{
	size_t n = t->o->n;

	t->t = step;
	for (size_t i = 0; i < n; i++)
		t->x1[i] = x[i] + step * t->p[i];
	t->f1 = t->o->value(t->o->ctx, t->x1, t->g1);
	return dot(t->g1, t->p, n);
}

/* A step that meets both conditions, by doubling and bisection; else one that goes
 * down, else -1. */
static int search(struct state *t, const double *x, double first)
{
	double d0 = dot(t->g, t->p, t->o->n), lo = 0, hi = INFINITY, step = first, f0 = t->f;

	if (!(d0 < 0))
		return -1;
	for (int i = 0; i < TRIES; i++) {
		double d = slope_at(t, x, step);

		if (!isfinite(t->f1) || t->f1 > f0 + ARMIJO * step * d0)
			hi = step;
		else if (d < WOLFE * d0)
			lo = step;
		else if (d > -WOLFE * d0)
			hi = step;
		else
			return 0;
		step = isfinite(hi) ? (lo + hi) / 2 : 2 * step;
	}
	return isfinite(t->f1) && t->f1 < f0 ? 0 : -1;
}

static void remember(struct state *t, const double *x)
{
	size_t n = t->o->n, j = t->have % PAIRS;
	double *s = t->s + j * n, *y = t->y + j * n, sy;

	for (size_t i = 0; i < n; i++) {
		s[i] = t->x1[i] - x[i];
		y[i] = t->g1[i] - t->g[i];
	}
	sy = dot(s, y, n);
	if (sy <= 0)
		return;
	t->rho[j] = 1 / sy;
	t->have++;
}

static int iterate(struct state *t, double *x)
{
	size_t n = t->o->n;
	double size = sqrt(dot(t->g, t->g, n));

	direction(t);
	if (search(t, x, t->have ? 1 : size > 1 ? 1 / size : 1))
		return -1;
	remember(t, x);
	memcpy(x, t->x1, n * sizeof *x);
	memcpy(t->g, t->g1, n * sizeof *x);
	t->f = t->f1;
	return 0;
}

int fl_lbfgs_run(struct fl_lbfgs *o, double *x, struct fl_err *e)
{
	struct fl_arena a = { .head = NULL };
	struct state t = {
		.o = o,
		.g = fl_arena_get(&a, o->n, sizeof *t.g, e), .x1 = fl_arena_get(&a, o->n, sizeof *t.g, e),
		.g1 = fl_arena_get(&a, o->n, sizeof *t.g, e), .p = fl_arena_get(&a, o->n, sizeof *t.g, e),
		.s = fl_arena_get(&a, PAIRS * o->n, sizeof *t.g, e),
		.y = fl_arena_get(&a, PAIRS * o->n, sizeof *t.g, e),
	};
	int rc = t.g && t.x1 && t.g1 && t.p && t.s && t.y ? 0 : -1;

	o->taken = 0;
	if (!rc && !isfinite(t.f = o->value(o->ctx, x, t.g)))
		rc = fl_fail(e, FL_ENUM, "the value to be minimised is not finite at the start");
	while (!rc && o->taken < o->iterations && largest(t.g, o->n) > o->tolerance &&
	       !iterate(&t, x))
		o->taken++;
	if (!rc) {
		o->f = t.f;
		o->slope = largest(t.g, o->n);
	}
	fl_arena_release(&a);
	return rc;
}
