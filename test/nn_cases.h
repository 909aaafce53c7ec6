/* Nets against PyTorch's numbers in test/golden/nn/cases.safetensors, whose
 * script draws the same weights and inputs; for both kinds of fl_real. */
#ifndef NN_CASES_H
#define NN_CASES_H

#include <string.h>

#include "base/crc.h"
#include "model/model.h"
#include "tap.h"
#include "tensor/stream.h"

enum { CASE_STEPS = 3, CASE_SAMPLES = 9 };
static const double CASE_LR = 0.01, CASE_MOMENTUM = 0.9;

struct cases {
	struct fl_tset rec;
	const char *name;
	struct fl_net net;
	struct fl_work work;
	fl_real *w, *g, *m;	/* (P) */
	int32_t *y;
	size_t B;
	double tol;
	struct fl_arena arena;
};

/* In [-1,1), from name and index alone. */
static inline void case_fill(const char *name, float *v, size_t n)
{
	uint32_t crc = fl_crc32(0, name, strlen(name));

	for (size_t i = 0; i < n; i++) {
		uint32_t h = ((uint32_t)i + crc) * 2654435761u;

		h = (h ^ h >> 15) * 2246822519u;
		h ^= h >> 13;
		v[i] = (float)(h / 0x1p31 - 1);
	}
}

static inline int ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static inline void case_weights(const struct fl_tensor *t)
{
	float *v = t->data;
	size_t fan_in = t->n;

	case_fill(t->name, v, t->n);
	if (t->ndim > 1)
		fan_in /= t->dim[0];
	for (size_t i = 0; i < t->n; i++) {
		if (ends_with(t->name, "num_batches_tracked"))
			v[i] = 0;
		else if (ends_with(t->name, "running_var") ||
		         (t->ndim == 1 && ends_with(t->name, "weight")))
			v[i] = 1 + v[i] / 8;
		else
			v[i] *= t->ndim < 2 ? .125f : (float)sqrt(3. / (double)fan_in);
	}
}

static inline const struct fl_tensor *case_get(const struct cases *c, const char *what)
{
	char key[1024];

	snprintf(key, sizeof key, "%s/%s", c->name, what);
	return fl_tset_find(&c->rec, key);
}

/* A record with the weights of the case, as a state_dict would bring them. */
static inline int case_import(struct cases *c, struct fl_err *e)
{
	struct fl_tset s = { .t = NULL };
	int rc = fl_net_export(&c->net, c->w, "", &s, e);

	for (size_t i = 0; i < s.nt && !rc; i++)
		case_weights(&s.t[i]);
	if (!rc)
		rc = fl_net_import(&c->net, &s, "", FL_ABSENT_REFUSE, c->w, e);
	fl_tset_release(&s);
	return rc;
}

static inline int case_targets(struct cases *c, struct fl_err *e)
{
	size_t n = c->B * c->net.targets;
	float *t = fl_arena_zero(&c->arena, n, sizeof *t, e);

	if (!t)
		return -1;
	case_fill("target", t, n);
	for (size_t i = 0; i < n; i++)
		c->work.target[i] = t[i];
	return 0;
}

/* Part i of example b is missing where (b + 2 i) % 3 is 0. */
static inline void case_lose(const struct cases *c)
{
	for (size_t b = 0; b < c->B; b++)
		for (size_t i = 0; i < c->net.npart; i++)
			for (size_t j = 0; (b + 2 * i) % 3 == 0 && j < c->net.part[i].n; j++)
				c->work.act[0][b * fl_shape_count(&c->net.in) + c->net.part[i].at + j] = NAN;
}

static inline int case_open(struct cases *c, struct fl_err *e)
{
	const struct fl_tensor *z = case_get(c, "logits");
	size_t n;
	float *x;

	if (fl_model_net(&c->net, fl_meta_get(&c->rec, c->name), 0, e))
		return -1;
	c->B = z->dim[0];
	c->w = fl_arena_zero(&c->arena, c->net.P, sizeof *c->w, e);
	c->g = fl_arena_zero(&c->arena, c->net.P, sizeof *c->g, e);
	c->m = fl_arena_zero(&c->arena, c->net.P, sizeof *c->m, e);
	c->y = fl_arena_zero(&c->arena, c->B, sizeof *c->y, e);
	n = c->B * fl_shape_count(&c->net.in);
	x = fl_arena_zero(&c->arena, n, sizeof *x, e);
	if (fl_work_init(&c->work, &c->net, c->B, 1, e) || case_import(c, e))
		return -1;
	c->work.stats = c->w;
	case_fill("x", x, n);
	for (size_t i = 0; i < n; i++)
		c->work.act[0][i] = !strcmp(c->name, "lstm") ? floorf((x[i] + 1) * 2.5f) : x[i];
	case_lose(c);
	for (size_t i = 0; i < c->B; i++)
		c->y[i] = (int32_t)(i * 7 % c->net.classes);
	return case_targets(c, e);
}

static inline void case_step(struct cases *c, int s)
{
	const struct fl_tensor *z = case_get(c, "logits"), *loss = case_get(c, "loss");
	double worst = 0, top = 0, value;

	fl_net_forward(&c->net, &c->work, c->w, c->B, 1, NULL);
	for (size_t i = 0; s == 0 && i < z->n; i++) {
		double want = ((const double *)z->data)[i];

		worst = fmax(worst, fabs((double)c->work.act[c->net.nlayer][i] - want));
		top = fmax(top, fabs(want));
	}
	if (s == 0)
		ok(worst <= c->tol * top, "%s: logits: %.3g <= %g", c->name, worst / top, c->tol);
	value = fl_net_loss(&c->net, &c->work, c->y, c->B, 1);
	is_near(value, ((const double *)loss->data)[s], c->tol, "loss of a step");
	fl_net_backward(&c->net, &c->work, c->w, c->g, c->B, NULL, NULL, NULL);
	for (size_t i = 0; i < c->net.nparam; i++) {
		const struct fl_net_param *p = &c->net.param[i];

		for (size_t k = p->off; k < p->off + p->n && p->kind == FL_TRAINED; k++) {
			c->m[k] = (fl_real)CASE_MOMENTUM * c->m[k] + c->g[k];
			c->w[k] -= (fl_real)CASE_LR * c->m[k];
		}
	}
}

/* Elements and norm of each tensor after the steps. */
static inline void case_compare(struct cases *c, struct fl_err *e)
{
	struct fl_tset s = { .t = NULL };
	double worst = 0, top = 0;

	fl_net_export(&c->net, c->w, "", &s, e);
	for (size_t i = 0; i < s.nt; i++) {
		const struct fl_tensor *t = &s.t[i], *want;
		const float *v = t->data;
		char key[512];
		double norm = 0;

		snprintf(key, sizeof key, "/%s", t->name);
		want = case_get(c, key);
		if (!want) {
			ok(0, "%s: PyTorch has no %s", c->name, t->name);
			continue;
		}
		worst = top = 0;
		for (size_t k = 0; k < CASE_SAMPLES; k++) {
			double x = ((const double *)want->data)[k];

			worst = fmax(worst, fabs((double)v[k * (t->n - 1) / (CASE_SAMPLES - 1)] - x));
			top = fmax(top, fabs(x));
		}
		for (size_t k = 0; k < t->n; k++)
			norm += (double)v[k] * (double)v[k];
		norm = fabs(sqrt(norm) / ((const double *)want->data)[CASE_SAMPLES] - 1);
		if (top > 0 || worst > 0)
			ok(worst <= c->tol * fmax(top, 1e-3) && norm <= c->tol,
			   "%s: %s after the steps: %.3g, norm %.3g <= %g", c->name, t->name,
			   worst / top, norm, c->tol);
	}
	fl_tset_release(&s);
}

static inline void case_run(struct cases *c, struct fl_err *e)
{
	if (!ok(!case_open(c, e), "%s builds", c->name))
		printf("# %s\n", e->msg);
	else {
		for (int s = 0; s < CASE_STEPS; s++)
			case_step(c, s);
		case_compare(c, e);
	}
	fl_work_release(&c->work);
	fl_net_release(&c->net);
	fl_arena_release(&c->arena);
}

/* Every case of at most this many multiply-adds an example. */
static inline void cases_run(const char *record, double tol, double madds)
{
	struct fl_err e = { 0 };
	struct cases c = { .tol = tol };

	if (!ok(!fl_stream_load(record, -1, &c.rec, &e),
	        "the golden record loads"))
		return;
	for (size_t i = 0; i < c.rec.nt; i++) {
		char name[256];

		if (!ends_with(c.rec.t[i].name, "/loss"))
			continue;
		snprintf(name, sizeof name, "%.*s", (int)strlen(c.rec.t[i].name) - 5, c.rec.t[i].name);
		c.name = name;
		if (!fl_model_net(&c.net, fl_meta_get(&c.rec, name), 0, &e) &&
		    fl_net_madds(&c.net) > madds) {
			fl_net_release(&c.net);
			continue;
		}
		fl_net_release(&c.net);
		case_run(&c, &e);
	}
	fl_tset_release(&c.rec);
}

#endif
