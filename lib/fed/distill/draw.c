/* Examples that a generator of features makes, with their classes: data for a head, or for eyes. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "fed/distill/distill.h"
#include "fed/generator.h"

enum { BATCH = 256 };

struct params {
	int64_t examples, classes;
};

static const struct fl_param table[] = {
	{ "examples", FL_P_INT, offsetof(struct params, examples), "1000", 1, 1e9, NULL, "n",
	  "how many" },
	{ "classes", FL_P_INT, offsetof(struct params, classes), NULL, 1, 1 << 20, NULL, "n",
	  "of a generator that fl-distill has not trained, which does not say it" },
	{ 0 }
};

/* The classes that it was trained for, or as many as are given. */
static int find_classes(const struct params *p, const struct fl_tset *rec, size_t *C,
                        struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(rec, "@generator/classes");

	if (!t && p->classes == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "the generator does not say how many classes it has, as one by "
		               "fl-distill does: draw:classes=N");
	*C = t ? t->n : (size_t)p->classes;
	return 0;
}

/* Examples i to i + B, on their way through the net. */
static int draw_batch(const struct fl_generator *g, struct fl_work *k,
                      const struct fl_distill_run *r, size_t i, size_t B, float *x, int64_t *y,
                      struct fl_err *e)
{
	size_t in = g->noise + g->C, d = g->net->classes;
	const fl_real *z = k->act[g->net->nlayer];

	for (size_t b = 0; b < B; b++) {
		struct fl_rng rng;
		int32_t c;

		fl_rng_init(&rng, r->lesson->seed, (uint64_t)r->lesson->round, UINT64_MAX, FL_RNG_DATA, i + b);
		c = fl_generator_class(g, &rng);
		fl_generator_input(g, &rng, c, k->act[0] + b * in);
		y[b] = c;
	}
	fl_net_forward(g->net, k, r->student->w, B, 0, NULL);
	for (size_t j = 0; j < B * d; j++)
		if (!isfinite((double)z[j]))
			return fl_fail(e, FL_ENUM, "example %zu is not finite", i + j / d);
	memcpy(x, z, B * d * sizeof *x);
	return 0;
}

static int draw_all(const struct fl_generator *g, const struct fl_distill_run *r, size_t N,
                    struct fl_tset *out, struct fl_err *e)
{
	size_t d = g->net->classes;
	struct fl_work k;
	float *x;
	int64_t *y;
	int rc = 0;

	if (!fl_tset_add(out, "x", FL_F32, 2, (size_t[]){ N, d }, NULL, e) ||
	    !fl_tset_add(out, "y", FL_I64, 1, &N, NULL, e) ||
	    fl_work_init(&k, g->net, BATCH, FL_WORK_FORWARD, e))
		return -1;
	x = fl_tset_find(out, "x")->data;
	y = fl_tset_find(out, "y")->data;
	for (size_t i = 0; !rc && i < N; i += BATCH)
		rc = draw_batch(g, &k, r, i, N - i < BATCH ? N - i : BATCH, x + i * d, y + i, e);
	fl_work_release(&k);
	return rc;
}

static int run(const void *pp, struct fl_distill_run *r, struct fl_err *e)
{
	const struct params *p = pp;
	const struct fl_tset *rec = &r->models->one;
	const struct fl_net *net = r->student->net;
	struct fl_generator g;
	struct fl_tset *out;
	size_t C = 0;

	return find_classes(p, rec, &C, e) ||
	       fl_generator_of(&g, net, rec, C, net->classes, r->arena, e) ||
	       !(out = fl_distill_add(r, e)) || draw_all(&g, r, (size_t)p->examples, out, e) ||
	       fl_meta_set_i64(out, "fl.classes", (int64_t)C, e) ||
	       (fl_meta_get(rec, "fl.labels") &&
	        fl_meta_set(out, "fl.labels", fl_meta_get(rec, "fl.labels"), e)) ? -1 : 0;
}

const struct fl_distill fl_distill_draw = {
	.e = {
		.name = "draw",
		.title = "Examples of a generator",
		.cite = "Zhu, Hong and Zhou, ICML 2021, arXiv 2105.10056 (FedGen)",
		.doc = "features that a generator makes, with their classes, as data",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "x = G(e, y), y by the generator's classes",
	},
	.needs = FL_DISTILL_OTHER,
	.makes = FL_MAKES_DATA,
	.run = run,
};
