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
	double *mean, *var;	/* (G,d), var or NULL */
	double *weight, *kappa, *uncertainty;	/* (G) */
	double *n;
};

struct rows {
	const float *mean, *kappa, *var;
	const double *uncertainty;
	size_t N, d;
};

static const void *data_of(const struct fl_tset *rec, const char *name, enum fl_dtype type)
{
	const struct fl_tensor *t = fl_tset_find(rec, name);

	return t && t->dtype == type ? t->data : NULL;
}

static struct rows rows_of(const struct fl_tset *rec)
{
	const struct fl_tensor *t = fl_tset_find(rec, "emb");

	return (struct rows){
		.mean = t->data, .kappa = data_of(rec, "kappa", FL_F32),
		.var = data_of(rec, "var", FL_F32), .uncertainty = data_of(rec, "uncertainty", FL_F64),
		.N = t->dim[0], .d = t->dim[1],
	};
}

static double weight_of(const struct rows *r, size_t i, int weighted)
{
	if (!weighted)
		return 1;
	return r->kappa ? (double)r->kappa[i] : 1 / r->uncertainty[i];
}

static void add_row(const struct rows *r, size_t i, int weighted, size_t g, struct sums *s)
{
	double w = weight_of(r, i, weighted);

	for (size_t k = 0; k < r->d; k++) {
		s->mean[g * r->d + k] += w * (double)r->mean[i * r->d + k];
		if (r->var)
			s->var[g * r->d + k] += w * (double)r->var[i * r->d + k];
	}
	s->weight[g] += w;
	s->n[g]++;
	s->kappa[g] += r->kappa ? (double)r->kappa[i] : 0;
	s->uncertainty[g] += r->uncertainty ? w * r->uncertainty[i] : 0;
}

static int get_sums(struct sums *s, size_t G, size_t d, struct fl_arena *a, struct fl_err *e)
{
	size_t n;

	if (fl_mul(G, d, &n))
		return fl_fail_mem(e, SIZE_MAX);
	s->mean = fl_arena_zero(a, n, sizeof *s->mean, e);
	s->var = fl_arena_zero(a, n, sizeof *s->var, e);
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

static int write_sums(const struct rows *r, const struct sums *s, const int64_t *id, size_t G,
                      int weighted, struct fl_tset *out, struct fl_err *e)
{
	size_t d = r->d;
	float *mean = tensor(out, "emb", FL_F32, G, d, e), *kappa = NULL, *var = NULL;
	int64_t *label = tensor(out, "label", FL_I64, G, 0, e);
	double *u = NULL;

	if (!mean || !label || (r->kappa && !(kappa = tensor(out, "kappa", FL_F32, G, 0, e))) ||
	    (r->var && !(var = tensor(out, "var", FL_F32, G, d, e))) ||
	    (r->uncertainty && !(u = tensor(out, "uncertainty", FL_F64, G, 0, e))))
		return -1;
	for (size_t g = 0; g < G; g++) {
		double n = length(s->mean + g * d, d);

		if (!(n > 0) || !isfinite(n))
			return fl_fail(e, FL_ENUM, "group %" PRId64 ": the sum of its means has no direction",
			               id[g]);
		label[g] = id[g];
		for (size_t k = 0; k < d; k++) {
			mean[g * d + k] = (float)(s->mean[g * d + k] / n);
			if (var)
				var[g * d + k] = (float)(s->var[g * d + k] / s->weight[g]);
		}
		if (kappa)
			kappa[g] = (float)((weighted ? n : s->kappa[g]) / s->n[g]);
		if (u)
			u[g] = kappa && weighted ? s->n[g] / n : s->uncertainty[g] / s->weight[g];
	}
	return 0;
}

int fl_adapter_ensemble(const struct fl_tset *rec, const int64_t *group, int weighted,
                        struct fl_tset *out, struct fl_err *e)
{
	struct rows r = rows_of(rec);
	struct fl_arena a = { 0 };
	struct sums s = { .mean = NULL };
	int64_t *id = fl_arena_get(&a, r.N, sizeof *id, e);
	size_t G = id ? distinct(group, r.N, id) : 0;
	int rc = -1;

	if (weighted && !r.kappa && !r.uncertainty)
		fl_fail(e, FL_EDATA, "no certainty beside the embeddings to weight them by");
	else if (id && !get_sums(&s, G, r.d, &a, e)) {
		for (size_t i = 0; i < r.N; i++)
			add_row(&r, i, weighted,
			        (size_t)((const int64_t *)bsearch(&group[i], id, G, sizeof *id, by_id) - id), &s);
		rc = write_sums(&r, &s, id, G, weighted, out, e);
	}
	for (size_t i = 0; i < rec->nkv && !rc; i++)
		rc = fl_meta_set(out, rec->kv[i].key, rec->kv[i].val, e);
	fl_arena_release(&a);
	return rc;
}
