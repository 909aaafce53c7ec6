/* Losses of adapters against PyTorch's numbers in test/golden/adapter; for both kinds
 * of fl_real. */
#ifndef ADAPTER_CASES_H
#define ADAPTER_CASES_H

#include <string.h>

#include "nn/layer.h"
#include "tap.h"
#include "tensor/stream.h"

struct adapter_case {
	struct fl_tset rec;
	const char *name;
	struct fl_spec spec;
	const struct fl_loss_entry *entry;
	double tol;
	int smooth;		/* central differences mean something */
	fl_real *z, *dz;
	struct fl_batch b;
	struct fl_arena arena;
};

static inline const struct fl_tensor *adapter_get(const struct adapter_case *c, const char *what)
{
	char key[256];

	snprintf(key, sizeof key, "%s/%s", c->name, what);
	return fl_tset_find(&c->rec, key);
}

static inline double adapter_loss(const struct adapter_case *c, int grad)
{
	struct fl_batch b = c->b;

	b.dz = grad ? c->dz : NULL;
	return c->entry->loss(c->spec.p, &b);
}

/* "SPEC TOL TOL32 SMOOTH"; 0 where there is nothing to test. */
static inline int adapter_begin(struct adapter_case *c, struct fl_err *e)
{
	const struct fl_tensor *o = adapter_get(c, "outputs");
	char spec[128];
	double tol64, tol32;

	if (sscanf(fl_meta_get(&c->rec, c->name), "%127s %lf %lf %d", spec, &tol64, &tol32,
	           &c->smooth) != 4)
		return 0;
	c->tol = sizeof(fl_real) == sizeof(double) ? tol64 : tol32;
	if (c->tol <= 0)
		return 0;
	if (!ok(!fl_spec_parse(&fl_family_loss, spec, &c->arena, &c->spec, e), "%s", spec))
		return 0;
	c->entry = (const struct fl_loss_entry *)c->spec.entry;
	c->z = fl_arena_zero(&c->arena, o->n, sizeof *c->z, e);
	c->dz = fl_arena_zero(&c->arena, o->n, sizeof *c->dz, e);
	c->b = (struct fl_batch){ .B = o->dim[0], .C = o->dim[1], .z = c->z };
	c->b.scratch = fl_arena_get(&c->arena, 1 + fl_loss_scratch(c->entry, c->spec.p, c->b.B, c->b.C),
	                            sizeof *c->z, e);
	for (size_t i = 0; i < o->n; i++)
		c->z[i] = ((const float *)o->data)[i];
	return ok(!c->entry->check || !c->entry->check(c->spec.p, c->b.C, e), "%s: fits", c->name);
}

static inline void adapter_run(struct adapter_case *c)
{
	const struct fl_tensor *grad = adapter_get(c, "grad");
	const double *want = grad->data, loss = *(const double *)adapter_get(c, "loss")->data;
	double value = adapter_loss(c, 1), worst = 0, top = 0;

	ok(fabs(value - loss) <= c->tol * fmax(1, fabs(loss)), "%s: loss %.15g, PyTorch's %.15g",
	   c->name, value, loss);
	ok(fabs(adapter_loss(c, 0) - value) <= 0, "%s: the same without gradient", c->name);
	for (size_t i = 0; i < grad->n; i++) {
		worst = fmax(worst, fabs((double)c->dz[i] - want[i]));
		top = fmax(top, fabs(want[i]));
		if (isnan(c->dz[i]))
			worst = INFINITY;
	}
	ok(worst <= c->tol * fmax(top, 1e-12), "%s: gradient: %.3g of %.3g", c->name, worst, top);
}

static inline void adapter_cases(const char *record, void (*also)(struct adapter_case *c))
{
	struct fl_err e = { 0 };
	struct adapter_case c = { .name = "" };

	if (!ok(!fl_stream_load(record, -1, &c.rec, &e),
	        "the golden record loads"))
		return;
	for (size_t i = 0; i < c.rec.nkv; i++) {
		c.name = c.rec.kv[i].key;
		if (adapter_begin(&c, &e)) {
			adapter_run(&c);
			if (also)
				also(&c);
		}
		fl_arena_release(&c.arena);
	}
	fl_tset_release(&c.rec);
}

#endif
