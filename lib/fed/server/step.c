/* Runs a server optimiser over tiles; keeps its state as tensors
 * "@NAME/VEC/TENSOR" and scalars "@NAME/SCALAR", all F64. */
#include "fed/server/step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "kernel/isa.h"
#include "kernel/vmath.h"
#include "tensor/running.h"

#define ROUNDING 1e-12	/* of a mean of floats, in double */

/* A tensor of the step. */
struct work {
	const float *from;		/* NULL: zeros */
	float *to;
	double *vec[FL_SERVER_VECS];
	double *g;			/* all of the pseudo-gradient where the server looks at it, or NULL */
	int added;			/* an increment: rate one, past the optimiser */
	int taken;			/* read by the server: not added */
	int variance;
};

struct tile {
	size_t i, i0, i1;
};

struct ctx {
	const struct fl_step *s;
	const struct fl_server_round *r;
	struct work *work;		/* (u->n) */
	struct tile *tile;
	size_t ntile, cap;
	struct fl_arena a;
};

/* "@METHOD/..." of the method whose extras the server reads. */
static int is_taken(const struct fl_server *s, const char *name)
{
	size_t n = s->takes ? strlen(s->takes) : 0;

	return n && name[0] == '@' && !strncmp(name + 1, s->takes, n) && name[n + 1] == '/';
}

/* The old value of a state tensor; FL_EDATA where it is not of that shape. */
static int find_old(const struct fl_tset *old, const char *name, unsigned ndim, const size_t *dim,
                    const struct fl_tensor **t, struct fl_err *e)
{
	struct fl_tensor want = { .ndim = ndim, .dim = dim };

	*t = fl_tset_find(old, name);
	if (*t && ((*t)->dtype != FL_F64 || !fl_tensor_same_shape(*t, &want)))
		return fl_fail(e, FL_EDATA, "state: tensor '%s' does not fit the model", name);
	return 0;
}

static char *scalar_name(const struct fl_step *s, size_t i, struct fl_arena *a, struct fl_err *e)
{
	return fl_arena_fmt(a, e, "@%s/%s", s->server->e.name, s->server->scalar[i]);
}

static int load_scalars(const struct fl_step *s, struct fl_server_round *r, struct fl_arena *a,
                        struct fl_err *e)
{
	const struct fl_tensor *t;
	size_t i;

	for (i = 0; s->server->scalar[i] && !r->first; i++) {
		char *name = scalar_name(s, i, a, e);

		if (!name || find_old(s->old, name, 0, NULL, &t, e))
			return -1;
		if (!t)
			return fl_fail(e, FL_EDATA, "state: tensor '%s' is missing", name);
		r->scalar[i] = *(const double *)t->data;
	}
	return 0;
}

static int save_scalars(const struct fl_step *s, const struct fl_server_round *r,
                        struct fl_tset *state, struct fl_err *e)
{
	size_t i;

	for (i = 0; s->server->scalar[i]; i++) {
		char *name = scalar_name(s, i, &state->arena, e);
		struct fl_tensor *t = name ? fl_tset_add(state, name, FL_F64, 0, NULL, NULL, e) : NULL;

		if (!t)
			return -1;
		if (!isfinite(r->scalar[i]))
			return fl_fail(e, FL_ENUM, "state: '%s' becomes %g", name, r->scalar[i]);
		*(double *)t->data = r->scalar[i];
	}
	return 0;
}

/* A copy of the old vector, or the initial value. */
static double *make_vec(const struct ctx *c, const struct fl_tensor *t, size_t j,
                        struct fl_tset *state, struct fl_err *e)
{
	const struct fl_step *s = c->s;
	char *name = fl_arena_fmt(&state->arena, e, "@%s/%s/%s", s->server->e.name,
	                          s->server->vec[j], t->name);
	const struct fl_tensor *old;
	struct fl_tensor *new_;
	double *v;
	size_t i;

	if (!name || find_old(s->old, name, t->ndim, t->dim, &old, e))
		return NULL;
	if (old)
		return (new_ = fl_tset_copy(state, NULL, old, e)) ? new_->data : NULL;
	if (!(new_ = fl_tset_add(state, name, FL_F64, t->ndim, t->dim, NULL, e)))
		return NULL;
	for (v = new_->data, i = 0; c->r->fill[j] != 0 && i < t->n; i++)
		v[i] = c->r->fill[j];
	return v;
}

static int add_tiles(struct ctx *c, size_t i, struct fl_err *e)
{
	size_t n = c->s->u->t[i]->n, step = c->s->u->tile, at;

	for (at = 0; at < n; at += step) {
		if (fl_grow(&c->tile, &c->cap, c->ntile + 1, sizeof *c->tile, e))
			return -1;
		c->tile[c->ntile++] = (struct tile){ i, at, at + (n - at < step ? n - at : step) };
	}
	return 0;
}

static int prepare(struct ctx *c, size_t i, struct fl_tset *next, struct fl_tset *state,
                   struct fl_err *e)
{
	const struct fl_tensor *t = c->s->u->t[i], *from = fl_tset_find(c->s->model, t->name);
	struct work *w = &c->work[i];
	int taken = is_taken(c->s->server, t->name);
	struct fl_tensor *to = taken ? NULL : fl_tset_add(next, t->name, FL_F32, t->ndim, t->dim, NULL, e);
	size_t j;

	if (!taken && !to)
		return -1;
	*w = (struct work){ .from = from ? from->data : NULL, .to = to ? to->data : NULL, .taken = taken,
	                    .added = fl_tensor_is_extra(t) || fl_tensor_is_running(t),
	                    .variance = fl_tensor_is_running(t) && fl_name_is_variance(t->name) };
	if (c->s->server->look && !(w->g = fl_arena_get(&c->a, t->n, sizeof *w->g, e)))
		return -1;
	for (j = 0; c->s->server->vec[j] && !w->added && t->n; j++)
		if (!(w->vec[j] = make_vec(c, t, j, state, e)))
			return -1;
	return add_tiles(c, i, e);
}

/* x = from, or 0; the pseudo-gradient points uphill. */
FL_BODY void widen_body(const float *restrict from, double *restrict x, double *restrict g, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		x[i] = (double)from[i];
		g[i] = -g[i];
	}
}

FL_BODY void narrow_body(const double *restrict x, float *restrict to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (float)x[i];
}

static void widen(const float *restrict from, double *restrict x, double *restrict g, size_t n);
static void narrow(const double *restrict x, float *restrict to, size_t n);
FL_ISA_FN(widen, (const float *restrict from, double *restrict x, double *restrict g, size_t n),
          (from, x, g, n))
FL_ISA_FN(narrow, (const double *restrict x, float *restrict to, size_t n), (x, to, n))

static int fault(const struct ctx *c, const struct tile *t, size_t i, struct fl_err *e)
{
	return fl_fail(e, FL_ENUM, "tensor '%s': element %zu becomes non-finite",
	               c->s->u->t[t->i]->name, t->i0 + i);
}

static int check_finite(const struct ctx *c, const struct tile *t, size_t n, struct fl_err *e)
{
	const struct work *w = &c->work[t->i];
	float max;

	if (!w->vec[0] && fl_vfinite(w->to + t->i0, n, &max))
		return 0;
	for (size_t i = 0; i < n; i++) {
		int fine = isfinite(w->to[t->i0 + i]);

		for (size_t j = 0; j < FL_SERVER_VECS && w->vec[j]; j++)
			fine = fine && isfinite(w->vec[j][t->i0 + i]);
		if (!fine)
			return fault(c, t, i, e);
	}
	return 0;
}

/* A variance that is below 0 by rounding alone is 0. */
static void add_increment(const struct work *w, const double *g, double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] -= g[i];
	for (size_t i = 0; w->variance && i < n; i++)
		if (x[i] < 0 && -x[i] < ROUNDING * g[i])
			x[i] = 0;
}

/* The combined update of a tile. */
static int get_tile(const struct ctx *c, const struct tile *t, int thread, double *u,
                    struct fl_err *e)
{
	const double *g = c->work[t->i].g;

	if (!g)
		return c->s->u->get(c->s->u->ctx, t->i, t->i0, t->i1, thread, u, e);
	for (size_t i = t->i0; i < t->i1; i++)
		u[i - t->i0] = -g[i];
	return 0;
}

static int do_tile(void *ctx, size_t item, int thread, struct fl_err *e)
{
	static const float zeros[FL_TILE];
	struct ctx *c = ctx;
	const struct tile *t = &c->tile[item];
	const struct work *w = &c->work[t->i];
	double g[FL_TILE], x[FL_TILE], *vec[FL_SERVER_VECS] = { NULL };
	size_t n = t->i1 - t->i0, j;

	if (w->taken)
		return 0;
	if (get_tile(c, t, thread, g, e))
		return -1;
	widen(w->from ? w->from + t->i0 : zeros, x, g, n);
	for (j = 0; j < FL_SERVER_VECS && w->vec[j]; j++)
		vec[j] = w->vec[j] + t->i0;
	if (w->added)
		add_increment(w, g, x, n);
	else
		c->s->server->apply(c->s->p, c->r, g, x, vec, n);
	narrow(x, w->to + t->i0, n);
	return check_finite(c, t, n, e);
}

/* --- servers that look at all of it --- */

static int fill_tile(void *ctx, size_t item, int thread, struct fl_err *e)
{
	struct ctx *c = ctx;
	const struct tile *t = &c->tile[item];
	double *g = c->work[t->i].g + t->i0;

	if (c->s->u->get(c->s->u->ctx, t->i, t->i0, t->i1, thread, g, e))
		return -1;
	for (size_t i = 0; i < t->i1 - t->i0; i++)
		g[i] = -g[i];
	return 0;
}

static int look(struct ctx *c, struct fl_server_round *r, struct fl_err *e)
{
	const struct fl_combined *u = c->s->u;
	struct fl_server_part *part = fl_arena_get(&c->a, u->n, sizeof *part, e);

	if (!part || fl_par_for(c->ntile, c->s->threads, c, fill_tile, e))
		return -1;
	for (size_t i = 0; i < u->n; i++) {
		const struct work *w = &c->work[i];

		part[i] = (struct fl_server_part){ .t = u->t[i], .added = w->added, .w = w->from, .g = w->g };
		memcpy(part[i].vec, w->vec, sizeof w->vec);
	}
	return c->s->server->look(c->s->p, r, part, u->n, e);
}

const struct fl_server_part *fl_server_find(const struct fl_server_part *part, size_t n,
                                            const char *name)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(part[mid].t->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && !strcmp(part[lo].t->name, name) ? &part[lo] : NULL;
}

static int cast_vec(const struct ctx *c, size_t i, size_t j, struct fl_tset *next,
                    struct fl_err *e)
{
	const struct fl_tensor *t = c->s->u->t[i];
	char *name = fl_arena_fmt(&next->arena, e, "@%s/%s/%s", c->s->server->e.name,
	                          c->s->server->vec[j], t->name);
	struct fl_tensor *to = name ? fl_tset_add(next, name, FL_F32, t->ndim, t->dim, NULL, e) : NULL;

	for (size_t k = 0; to && k < t->n; k++) {
		float v = (float)c->work[i].vec[j][k];

		((float *)to->data)[k] = v;
		if (!isfinite(v))
			return fl_fail(e, FL_ENUM, "tensor '%s': element %zu becomes non-finite", name, k);
	}
	return to ? 0 : -1;
}

/* What goes out with the model. */
static int cast(const struct ctx *c, struct fl_tset *next, struct fl_err *e)
{
	for (size_t j = 0; j < FL_SERVER_VECS; j++)
		for (size_t i = 0; c->s->server->cast >> j & 1 && i < c->s->u->n; i++)
			if (c->work[i].vec[j] && cast_vec(c, i, j, next, e))
				return -1;
	return 0;
}

/* What the step leaves alone: the model's other tensors and metadata, and the
 * state of tensors that nobody brought this time. Earlier versions kept moments of
 * running statistics, too: these end here. */
static int carry_over(const struct fl_step *s, struct fl_tset *next, struct fl_tset *state,
                      struct fl_err *e)
{
	char prefix[64];
	int len = snprintf(prefix, sizeof prefix, "@%s/", s->server->e.name);
	size_t i;

	for (i = 0; i < s->model->nt; i++) {
		const struct fl_tensor *t = &s->model->t[i];

		if (!fl_tset_find(next, t->name) &&
		    !fl_tset_add(next, t->name, t->dtype, t->ndim, t->dim, t->data, e))
			return -1;
	}
	for (i = 0; i < s->old->nt; i++) {
		const struct fl_tensor *t = &s->old->t[i];

		if (!strncmp(t->name, prefix, (size_t)len) && !fl_tset_find(state, t->name) &&
		    !fl_name_is_running(t->name) && !fl_tset_copy(state, NULL, t, e))
			return -1;
	}
	for (i = 0; i < s->model->nkv; i++)
		if (fl_meta_set(next, s->model->kv[i].key, s->model->kv[i].val, e))
			return -1;
	return 0;
}

static int run(struct ctx *c, struct fl_server_round *r, struct fl_tset *next,
               struct fl_tset *state, struct fl_err *e)
{
	size_t i;

	for (i = 0; i < c->s->u->n; i++)
		if (prepare(c, i, next, state, e))
			return -1;
	if ((c->s->server->look && look(c, r, e)) ||
	    fl_par_for(c->ntile, c->s->threads, c, do_tile, e) || cast(c, next, e))
		return -1;
	return save_scalars(c->s, c->r, state, e) ? -1 : carry_over(c->s, next, state, e);
}

int fl_server_step(const struct fl_step *s, struct fl_server_round *r, struct fl_tset *next,
                   struct fl_tset *state, struct fl_err *e)
{
	struct fl_step seen = *s;
	struct fl_combined u;
	struct ctx c = { .s = &seen, .r = r };
	int rc;

	r->first = !s->old->nt;
	if (s->server->see && s->server->see(s->p, s->u, s->model, &state->arena, &u, e))
		return fl_fail_in(e, "server %s", s->server->e.name);
	if (s->server->see)
		seen.u = &u;
	if (load_scalars(s, r, &state->arena, e) ||
	    (s->server->begin && s->server->begin(s->p, r, e)) ||
	    !(c.work = fl_alloc(s->u->n, sizeof *c.work, e)))
		return -1;
	rc = run(&c, r, next, state, e);
	fl_arena_release(&c.a);
	free(c.work);
	free(c.tile);
	return rc;
}
