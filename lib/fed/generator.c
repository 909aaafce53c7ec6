/* A generator of features. */
#include "fed/generator.h"

#include <math.h>
#include <string.h>

#define CLASSES "@generator/classes"
#define NOISE "@generator/noise"

static int read_classes(struct fl_generator *g, const struct fl_tensor *t, struct fl_err *e)
{
	double sum = 0;

	if (t->dtype != FL_F64 || t->ndim != 1 || t->n != g->C)
		return fl_fail(e, FL_EDATA, "tensor '%s' is not F64 of %zu classes", t->name, g->C);
	for (size_t c = 0; c < g->C; c++) {
		double v = ((const double *)t->data)[c];

		if (!(v >= 0 && v <= 1))
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is %g, want a share of 1",
			               t->name, c, v);
		sum += g->share[c] = v;
	}
	return fabs(sum - 1) < 1e-6 ? 0 :
	       fl_fail(e, FL_EDATA, "tensor '%s': shares sum to %g, want 1", t->name, sum);
}

static int read_record(struct fl_generator *g, const struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_tensor *share = fl_tset_find(rec, CLASSES), *noise = fl_tset_find(rec, NOISE);
	int64_t kind = FL_NOISE_NORMAL;

	if (noise && (noise->dtype != FL_I64 || noise->n != 1))
		return fl_fail(e, FL_EDATA, "tensor '" NOISE "' is not one I64");
	if (noise)
		kind = *(const int64_t *)noise->data;
	if (kind != FL_NOISE_NORMAL && kind != FL_NOISE_UNIFORM)
		return fl_fail(e, FL_EDATA, "tensor '" NOISE "' is %lld, want 0 or 1", (long long)kind);
	g->kind = (int)kind;
	return share ? read_classes(g, share, e) : 0;
}

int fl_generator_of(struct fl_generator *g, const struct fl_net *net, const struct fl_tset *rec,
                    size_t C, size_t features, struct fl_arena *a, struct fl_err *e)
{
	size_t in = fl_shape_count(&net->in);

	*g = (struct fl_generator){ .net = net, .C = C, .noise = in - C };
	if (in < C)
		return fl_fail(e, FL_EDATA, "the generator has %zu inputs, want noise and %zu classes", in, C);
	if (net->classes != features)
		return fl_fail(e, FL_EDATA, "the generator makes %zu features, the model has %zu",
		               net->classes, features);
	if (!(g->share = fl_arena_get(a, C, sizeof *g->share, e)))
		return -1;
	for (size_t c = 0; c < C; c++)
		g->share[c] = 1 / (double)C;
	return rec ? read_record(g, rec, e) : 0;
}

int fl_generator_write(const struct fl_generator *g, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_tensor *t = fl_tset_add(rec, CLASSES, FL_F64, 1, &g->C, NULL, e);

	if (!t)
		return -1;
	memcpy(t->data, g->share, g->C * sizeof *g->share);
	if (!(t = fl_tset_add(rec, NOISE, FL_I64, 0, NULL, NULL, e)))
		return -1;
	*(int64_t *)t->data = g->kind;
	return 0;
}

int32_t fl_generator_class(const struct fl_generator *g, struct fl_rng *r)
{
	double u = fl_rng_real(r);
	size_t c = 0, last = 0;

	for (; c < g->C; c++) {
		if (!(g->share[c] > 0))
			continue;
		last = c;
		if (u < g->share[c])
			break;
		u -= g->share[c];
	}
	return (int32_t)last;
}

void fl_generator_input(const struct fl_generator *g, struct fl_rng *r, int32_t y, fl_real *x)
{
	for (size_t i = 0; i < g->noise; i++)
		x[i] = (fl_real)(g->kind == FL_NOISE_NORMAL ? fl_rng_normal(r) : fl_rng_real(r));
	for (size_t c = 0; c < g->C; c++)
		x[g->noise + c] = c == (size_t)y;
}
