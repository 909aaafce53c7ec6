/* Prompt ensembling: many texts of one group become one. With means mu and, weighted,
 * certainties w (kappa, or 1/uncertainty):
 *   plain     mean = normalise(sum mu); kappa, var, uncertainty: means over the group
 *   weighted  mean = normalise(sum w mu); kappa = |sum kappa mu| / n, uncertainty its
 *             reciprocal; var and uncertainty without kappa: means with weights w
 * Sums run in double in the order of rows. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "model/adapter.h"

static int by_id(const void *va, const void *vb)
{
	int64_t a = *(const int64_t *)va, b = *(const int64_t *)vb;

	return (a > b) - (a < b);
}

/* Distinct group numbers, ascending, into id(N); how many. */
static size_t distinct(const int64_t *group, size_t N, int64_t *id)
{
	size_t n = 0;

	memcpy(id, group, N * sizeof *id);
	qsort(id, N, sizeof *id, by_id);
	for (size_t i = 0; i < N; i++)
		if (!i || id[i] != id[i - 1])
			id[n++] = id[i];
	return n;
}

/* What is summed up for a group. */
struct sums {
	const int64_t *group, *id;	/* (N) of rows, (G) distinct */
	size_t G, d;
	int weighted;
	const struct fl_reading *has;
	enum fl_side side;
	double *mean, *var;	/* (G,d), var or NULL */
	double *weight, *kappa, *uncertainty;	/* (G) */
	double *n;
	struct fl_arena arena;
};

static double weight_of(const struct fl_posterior *r, size_t i, int weighted)
{
	if (!weighted)
		return 1;
	return r->kappa ? (double)r->kappa[i] : 1 / r->uncertainty[i];
}

static void add_row(struct sums *s, const struct fl_posterior *r, size_t i, size_t g)
{
	double w = weight_of(r, i, s->weighted);

	for (size_t k = 0; k < s->d; k++) {
		s->mean[g * s->d + k] += w * (double)r->mean[i * s->d + k];
		if (r->var)
			s->var[g * s->d + k] += w * (double)r->var[i * s->d + k];
	}
	s->weight[g] += w;
	s->n[g]++;
	s->kappa[g] += r->kappa ? (double)r->kappa[i] : 0;
	s->uncertainty[g] += r->uncertainty ? w * r->uncertainty[i] : 0;
}

static int add_rows(void *ctx, size_t i0, size_t n, const struct fl_posterior *r, struct fl_err *e)
{
	struct sums *s = ctx;

	(void)e;
	for (size_t i = 0; i < n; i++)
		add_row(s, r, i, (size_t)((const int64_t *)bsearch(&s->group[i0 + i], s->id, s->G,
		                                                   sizeof *s->id, by_id) - s->id));
	return 0;
}

static int get_sums(struct sums *s, struct fl_err *e)
{
	struct fl_arena *a = &s->arena;
	size_t n, G = s->G;

	if (fl_mul(G, s->d, &n))
		return fl_fail_mem(e, SIZE_MAX);
	s->mean = fl_arena_zero(a, n, sizeof *s->mean, e);
	s->var = fl_arena_zero(a, s->has->var[s->side] ? n : 0, sizeof *s->var, e);
	s->weight = fl_arena_zero(a, G, sizeof *s->weight, e);
	s->kappa = fl_arena_zero(a, G, sizeof *s->kappa, e);
	s->uncertainty = fl_arena_zero(a, G, sizeof *s->uncertainty, e);
	s->n = fl_arena_zero(a, G, sizeof *s->n, e);
	return s->mean && s->var && s->weight && s->kappa && s->uncertainty && s->n ? 0 : -1;
}

static void *tensor(struct fl_tset *out, const char *name, enum fl_dtype type, size_t G, size_t d,
                    struct fl_err *e)
{
	const size_t dim[] = { G, d };
	struct fl_tensor *t = fl_tset_add(out, name, type, d ? 2 : 1, dim, NULL, e);

	return t ? t->data : NULL;
}

static double length(const double *x, size_t d)
{
	double n = 0;

	for (size_t k = 0; k < d; k++)
		n += x[k] * x[k];
	return sqrt(n);
}

static int write_sums(const struct sums *s, struct fl_tset *out, struct fl_err *e)
{
	size_t d = s->d, G = s->G;
	float *mean = tensor(out, "emb", FL_F32, G, d, e), *kappa = NULL, *var = NULL;
	int64_t *label = tensor(out, "label", FL_I64, G, 0, e);
	double *u = NULL;

	if (!mean || !label ||
	    (s->has->kappa[s->side] && !(kappa = tensor(out, "kappa", FL_F32, G, 0, e))) ||
	    (s->has->var[s->side] && !(var = tensor(out, "var", FL_F32, G, d, e))) ||
	    (s->has->uncertainty[s->side] && !(u = tensor(out, "uncertainty", FL_F64, G, 0, e))))
		return -1;
	for (size_t g = 0; g < G; g++) {
		double n = length(s->mean + g * d, d);

		if (!(n > 0) || !isfinite(n))
			return fl_fail(e, FL_ENUM, "group %" PRId64 ": the sum of its means has no direction",
			               s->id[g]);
		label[g] = s->id[g];
		for (size_t k = 0; k < d; k++) {
			mean[g * d + k] = (float)(s->mean[g * d + k] / n);
			if (var)
				var[g * d + k] = (float)(s->var[g * d + k] / s->weight[g]);
		}
		if (kappa)
			kappa[g] = (float)((s->weighted ? n : s->kappa[g]) / s->n[g]);
		if (u)
			u[g] = kappa && s->weighted ? s->n[g] / n : s->uncertainty[g] / s->weight[g];
	}
	return 0;
}

int fl_adapter_ensemble(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                        const int64_t *group, int weighted, int threads, struct fl_tset *out,
                        struct fl_err *e)
{
	struct sums s = { .group = group, .weighted = weighted, .has = &a->reading, .side = side,
	                  .d = a->reading.d };
	int64_t *id;
	int rc = -1;

	if (weighted && !s.has->kappa[side] && !s.has->uncertainty[side])
		return fl_fail(e, FL_EDATA, "no certainty beside the embeddings to weight them by");
	if ((id = fl_arena_get(&s.arena, rows->N, sizeof *id, e))) {
		s.G = distinct(group, rows->N, id);
		s.id = id;
		rc = get_sums(&s, e) || fl_adapter_each(a, side, rows, threads, add_rows, &s, e) ||
		     write_sums(&s, out, e) || fl_adapter_describe(a, out, e) ? -1 : 0;
	}
	fl_arena_release(&s.arena);
	return rc;
}
