/* Records of clients' statistics into one. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "data/names.h"
#include "fed/stat/stat.h"
#include "tensor/meta.h"

struct member {
	int64_t client, examples;
	struct fl_tset rec;
};

struct members {
	struct member *m;	/* (K) */
	size_t K, cap;
	char *method;		/* fl.method of all */
	struct fl_accord accord;
	struct fl_arena arena;
};

/* --- reading --- */

static int same_method(struct members *all, const struct fl_tset *rec, struct fl_err *e)
{
	const char *method = fl_meta_get(rec, "fl.method");

	if (!method)
		return fl_fail(e, FL_EDATA, "fl.method is missing: which statistic is this?");
	if (!all->method)
		return (all->method = fl_arena_str(&all->arena, method, e)) ? 0 : -1;
	return fl_num_alike(method, all->method) || fl_num_alike(all->method, method) ? 0 :
	       fl_fail(e, FL_EDATA, "fl.method is '%s', but that of others is '%s'", method,
	               all->method);
}

static int read_facts(const struct fl_tset *rec, struct member *m, struct fl_err *e)
{
	enum fl_kind kind;

	if (fl_meta_kind(rec, &kind, e))
		return -1;
	if (kind == FL_KIND_UPDATE || kind == FL_KIND_PARTIAL)
		return fl_fail(e, FL_EUSAGE, "-m is missing: the model that was sent out; a record is of "
		               "kind %s, and without a model statistics are pooled", fl_kind_name(kind));
	if (kind != FL_KIND_STATS)
		return fl_fail(e, FL_EDATA, "record is of %s%s, want stats", kind ? "kind " : "no kind",
		               fl_kind_name(kind));
	if (fl_meta_need_i64(rec, "fl.client", &m->client, e) < 0)
		return -1;
	if (fl_meta_need_i64(rec, "fl.examples", &m->examples, e) < 0)
		return fl_fail_in(e, "client %" PRId64, m->client);
	return 0;
}

static int take(struct members *all, const struct fl_tset *rec, struct fl_err *e)
{
	struct member *m;

	if (fl_grow(&all->m, &all->cap, all->K + 1, sizeof *all->m, e))
		return -1;
	m = &all->m[all->K];
	*m = (struct member){ .client = -1 };
	if (read_facts(rec, m, e))
		return -1;
	if (same_method(all, rec, e))
		return fl_fail_in(e, "client %" PRId64, m->client);
	if (fl_tset_clone(&m->rec, rec, e))
		return -1;
	all->K++;
	return 0;
}

static int by_client(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->client > y->client) - (x->client < y->client);
}

static int read_all(struct members *all, struct fl_inputs *in, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	int rc;

	while ((rc = fl_inputs_next(in, &rec, e)) > 0) {
		if (take(all, &rec, e)) {
			rc = fl_fail_in(e, "%s", fl_inputs_name(in));
			break;
		}
		if ((rc = fl_accord_add(&all->accord, &rec, fl_inputs_name(in), e)))
			break;
	}
	fl_tset_release(&rec);
	if (rc)
		return -1;
	if (!all->K)
		return fl_fail(e, FL_EDATA, "no record to pool");
	qsort(all->m, all->K, sizeof *all->m, by_client);
	for (size_t k = 1; k < all->K; k++)
		if (all->m[k].client == all->m[k - 1].client)
			return fl_fail(e, FL_EDATA, "client %" PRId64 " is there twice",
			               all->m[k].client);
	return 0;
}

/* --- pooling --- */

static int check_values(const struct fl_tensor *t, struct fl_err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		double v = t->dtype == FL_F32 ? (double)((const float *)t->data)[i] :
		           t->dtype == FL_F64 ? ((const double *)t->data)[i] :
		           (double)((const int64_t *)t->data)[i];

		if (!isfinite(v) || (t->dtype == FL_I64 && v < 0))
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is %g", t->name, i, v);
	}
	return 0;
}

static const struct fl_tensor *need(const struct fl_pool *q, size_t k, const char *name,
                                    enum fl_dtype dtype, unsigned ndim, struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(&q->rec[k], name);
	const struct fl_tensor *first = fl_tset_find(&q->rec[0], name);
	char a[256], b[256];

	if (!t || t->dtype != dtype || t->ndim != ndim) {
		fl_fail(e, FL_EDATA, "tensor '%s' is %s", name, !t ? "missing" :
		        t->dtype != dtype ? "of another type" : "of another shape");
		return NULL;
	}
	if (!fl_tensor_same_shape(t, first)) {
		fl_fail(e, FL_EDATA, "tensor '%s' is %s, that of client %" PRId64 " %s", name,
		        fl_tensor_shape_str(t, a, sizeof a), q->client[0],
		        fl_tensor_shape_str(first, b, sizeof b));
		return NULL;
	}
	return check_values(t, e) ? NULL : t;
}

const struct fl_tensor *fl_pool_need(const struct fl_pool *q, size_t k, const char *name,
                                     enum fl_dtype dtype, unsigned ndim, struct fl_err *e)
{
	const struct fl_tensor *t = need(q, k, name, dtype, ndim, e);

	if (!t)
		fl_fail_in(e, "client %" PRId64, q->client[k]);
	return t;
}

/* Of a record that pooling gave. fl.base, where that is the same in all. */
static int set_meta(const struct members *all, int64_t client, struct fl_tset *out,
                    struct fl_err *e)
{
	const char *base = fl_meta_get(&all->m[0].rec, "fl.base");
	int64_t n = 0;

	for (size_t k = 0; k < all->K; k++) {
		const char *b = fl_meta_get(&all->m[k].rec, "fl.base");

		if (!base || !b || strcmp(base, b))
			base = NULL;
		if (all->m[k].examples > INT64_MAX - n)
			return fl_fail(e, FL_EDATA, "client %" PRId64 ": fl.examples is %" PRId64,
			               all->m[k].client, all->m[k].examples);
		n += all->m[k].examples;
	}
	return fl_meta_set_kind(out, FL_KIND_STATS, e) ||
	       fl_accord_set(&all->accord, out, e) ||
	       fl_meta_set(out, "fl.method", all->method, e) ||
	       fl_meta_set_i64(out, "fl.examples", n, e) ||
	       (client >= 0 && fl_meta_set_i64(out, "fl.client", client, e)) ||
	       (base && fl_meta_set(out, "fl.base", base, e)) ? -1 : 0;
}

static int parse_method(struct members *all, struct fl_spec *spec, struct fl_err *e)
{
	if (!fl_spec_parse(&fl_family_stat, all->method, &all->arena, spec, e))
		return 0;
	if (e->code == FL_EUSAGE)	/* a bad record, not a bad command line */
		e->code = FL_EDATA;
	return fl_fail_in(e, "fl.method");
}

static int pool(struct members *all, struct fl_pooled *out, struct fl_err *e)
{
	struct fl_arena *a = &all->arena;
	int64_t *client = fl_arena_get(a, all->K, sizeof *client, e);
	double *examples = fl_arena_get(a, all->K, sizeof *examples, e);
	struct fl_tset *rec = fl_arena_get(a, all->K, sizeof *rec, e);
	const struct fl_stat *stat;
	struct fl_spec spec;

	if (!client || !examples || !rec || parse_method(all, &spec, e))
		return -1;
	for (size_t k = 0; k < all->K; k++) {
		client[k] = all->m[k].client;
		examples[k] = (double)all->m[k].examples;
		rec[k] = all->m[k].rec;
	}
	stat = (const struct fl_stat *)spec.entry;
	out->K = all->K;
	out->personal = stat->personal && stat->personal(spec.p);
	out->n = out->personal ? all->K : 1;
	out->rec = fl_arena_zero(&out->arena, out->n, sizeof *out->rec, e);
	if (!out->rec || stat->pool(spec.p, &(struct fl_pool){
		.K = all->K, .client = client, .examples = examples, .rec = rec }, out->rec, e))
		return -1;
	for (size_t k = 0; k < out->n; k++)
		if (set_meta(all, out->personal ? client[k] : -1, &out->rec[k], e))
			return -1;
	return 0;
}

int fl_pool_read(struct fl_inputs *in, struct fl_pooled *out, struct fl_err *e)
{
	struct members all = { .m = NULL };
	int rc;

	*out = (struct fl_pooled){ .n = 0 };
	rc = read_all(&all, in, e) || pool(&all, out, e) ? -1 : 0;
	for (size_t k = 0; k < all.K; k++)
		fl_tset_release(&all.m[k].rec);
	free(all.m);
	fl_accord_release(&all.accord);
	fl_arena_release(&all.arena);
	return rc;
}

void fl_pooled_release(struct fl_pooled *p)
{
	for (size_t k = 0; p->rec && k < p->n; k++)
		fl_tset_release(&p->rec[k]);
	fl_arena_release(&p->arena);
	*p = (struct fl_pooled){ .n = 0 };
}
