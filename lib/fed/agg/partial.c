/* Partial records: the exact sums of some clients, to be added to others'.
 *
 *   @bins/NAME  I64 (3, shape...)  bins of tensor NAME, weighed as updates are
 *   @mean/NAME  I64 (3, shape...)  those of running statistics, weighed as in a mean
 *   @top/NAME   I64 scalar         its window
 *   @sums/NAME  I64 (4, 4)         the fold's scalars: window and bins of each
 *   @total      I64 (4, 4)         the same over all clients
 *   @clients    I64 (K)            ascending
 *   @rows       F64 (K, nrow)      of folds that keep rows
 *
 * fl.method is the spec of the rule or server whose fold it is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "fed/agg/collect_int.h"
#include "tensor/running.h"

#define BINS "@bins/"
#define MEAN "@mean/"
#define TOP "@top/"
#define SUMS "@sums/"

static const size_t sums_dim[2] = { FL_FOLD_SCALARS, 1 + FL_BINS };

static const char *join(struct fl_arena *a, const char *prefix, const char *name, struct fl_err *e)
{
	return fl_arena_fmt(a, e, "%s%s", prefix, name);
}

/* --- writing --- */

static int put_sums(struct fl_tset *out, const char *name,
                    const struct fl_bins *b, struct fl_err *e)
{
	struct fl_tensor *t = name ? fl_tset_add(out, name, FL_I64, 2, sums_dim, NULL, e) : NULL;
	int64_t *v;
	size_t i;

	if (!t)
		return -1;
	for (v = t->data, i = 0; i < FL_FOLD_SCALARS; i++, v += 1 + FL_BINS) {
		v[0] = b[i].top;
		memcpy(v + 1, b[i].bin, FL_BINS * sizeof *v);
	}
	return 0;
}

int fl_bins_put(struct fl_tset *out, const struct fl_slot *s, const char *bins, const char *top,
                struct fl_err *e)
{
	size_t *dim = fl_arena_get(&out->arena, s->t.ndim + 1, sizeof *dim, e);
	struct fl_tensor *t;

	if (!dim || !bins || !top)
		return -1;
	dim[0] = FL_BINS;
	if (s->t.ndim)
		memcpy(dim + 1, s->t.dim, s->t.ndim * sizeof *dim);
	if (!fl_tset_add(out, bins, FL_I64, s->t.ndim + 1, dim, s->bins.bin, e) ||
	    !(t = fl_tset_add(out, top, FL_I64, 0, NULL, NULL, e)))
		return -1;
	*(int64_t *)t->data = s->bins.top;
	return 0;
}

static int put_slot(struct fl_tset *out, const struct fl_slot *s, struct fl_err *e)
{
	const char *bins = join(&out->arena, s->running ? MEAN : BINS, s->t.name, e);

	if (fl_bins_put(out, s, bins, join(&out->arena, TOP, s->t.name, e), e))
		return -1;
	return put_sums(out, join(&out->arena, SUMS, s->t.name, e), s->sum, e);
}

static int put_clients(const struct fl_collect *c, struct fl_tset *out, struct fl_err *e)
{
	unsigned nrow = c->fold->nrow;
	struct fl_tensor *t = fl_tset_add(out, "@clients", FL_I64, 1, &c->K, NULL, e);
	int64_t *id;
	double *row;
	size_t k;

	if (!t)
		return -1;
	for (id = t->data, k = 0; k < c->K; k++)
		id[k] = c->seen[k].client;
	if (!nrow)
		return 0;
	if (!(t = fl_tset_add(out, "@rows", FL_F64, 2, (size_t[]){ c->K, nrow }, NULL, e)))
		return -1;
	for (row = t->data, k = 0; k < c->K; k++, row += nrow)
		memcpy(row, c->seen[k].row, nrow * sizeof *row);
	return 0;
}

int fl_collect_partial(struct fl_collect *c, struct fl_tset *out, struct fl_err *e)
{
	size_t i;

	if (!c->K)
		return fl_fail(e, FL_EDATA, "no update to combine");
	if (fl_meta_set_kind(out, FL_KIND_PARTIAL, e) ||
	    fl_meta_set_i64(out, "fl.round", c->round, e) ||
	    fl_meta_set(out, "fl.base", c->base, e) ||
	    fl_meta_set(out, "fl.method", c->spec, e) ||
	    fl_accord_set(&c->accord, out, e) || put_clients(c, out, e) ||
	    put_sums(out, "@total", c->total, e))
		return -1;
	for (i = 0; i < c->nslot; i++)
		if (c->slot[i]->owners) {
			fl_exact_settle(c->slot[i], 0);
			if (put_slot(out, c->slot[i], e))
				return -1;
		}
	return 0;
}

/* --- reading; nothing in it is trusted --- */

static const struct fl_tensor *need(const struct fl_tset *rec, const char *name,
                                    enum fl_dtype dtype, unsigned ndim, const size_t *dim,
                                    struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(rec, name);
	struct fl_tensor want = { .name = name, .dtype = dtype, .ndim = ndim, .dim = dim };

	if (t && t->dtype == dtype && fl_tensor_same_shape(t, &want))
		return t;
	fl_fail(e, FL_EDATA, t ? "tensor '%s' has the wrong type or shape" :
	                         "tensor '%s' is missing", name);
	return NULL;
}

/* No bin of K terms exceeds K slices of 2^39: sums then cannot overflow. */
static int check_bins(const int64_t *v, size_t n, size_t K, const char *name, struct fl_err *e)
{
	int64_t most = (int64_t)K << (FL_BINS_WIDTH - 1);
	size_t i;

	for (i = 0; i < n; i++)
		if (v[i] > most || v[i] < -most)
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is no sum of %zu terms",
			               name, i, K);
	return 0;
}

static int check_top(int64_t top, const char *name, struct fl_err *e)
{
	if (top < FL_BINS - 1 || top > FL_BINS_TOP)
		return fl_fail(e, FL_EDATA, "tensor '%s': window %lld is out of range [%d,%d]", name,
		               (long long)top, FL_BINS - 1, FL_BINS_TOP);
	return 0;
}

static int merge_sums(struct fl_bins *to, const struct fl_tset *rec,
                      const char *name, size_t K, struct fl_err *e)
{
	const struct fl_tensor *t = name ? need(rec, name, FL_I64, 2, sums_dim, e) : NULL;
	const int64_t *v;
	size_t i;

	if (!t)
		return -1;
	for (v = t->data, i = 0; i < FL_FOLD_SCALARS; i++, v += 1 + FL_BINS) {
		int64_t bin[FL_BINS];

		if (check_top(v[0], name, e) || check_bins(v + 1, FL_BINS, K, name, e))
			return -1;
		memcpy(bin, v + 1, sizeof bin);
		fl_bins_merge(&to[i], &(struct fl_bins){ bin, 1, (int)v[0] });
	}
	return 0;
}

int fl_bins_take(const struct fl_tset *rec, const struct fl_tensor *bins, const char *top,
                 size_t n, size_t K, struct fl_bins *out, struct fl_err *e)
{
	const struct fl_tensor *t = top ? need(rec, top, FL_I64, 0, NULL, e) : NULL;
	int64_t v;

	if (!t)
		return -1;
	v = *(const int64_t *)t->data;
	if (check_top(v, top, e) || check_bins(bins->data, bins->n, K, bins->name, e))
		return -1;
	*out = (struct fl_bins){ bins->data, n, (int)v };
	return 0;
}

static int merge_bins(struct fl_collect *c, struct fl_slot *s, const struct fl_tset *rec,
                      const struct fl_tensor *bins, const char *name, size_t K, struct fl_err *e)
{
	struct fl_bins b;

	if (fl_bins_take(rec, bins, name, s->t.n, K, &b, e) || fl_exact_room(c, s, e))
		return -1;
	fl_exact_settle(s, b.top);
	fl_bins_merge(&s->bins, &b);
	s->owners += K;	/* or fewer: only 0 matters to a fold */
	return 0;
}

/* Earlier versions weighed running statistics as they did parameters, and counted them
 * in the norms of updates. */
static int check_prefix(const struct fl_tensor *bins, const struct fl_tensor *t, struct fl_err *e)
{
	int running = fl_tensor_is_running(t);

	if ((strncmp(bins->name, MEAN, strlen(MEAN)) == 0) == running)
		return 0;
	return fl_fail(e, FL_EDATA, running ? "tensor '%s': running statistics as an earlier version "
	               "summed them: write the partial anew" : "tensor '%s': not running statistics",
	               bins->name);
}

static int merge_slot(struct fl_collect *c, const struct fl_tset *rec, const struct fl_tensor *bins,
                      size_t K, struct fl_arena *a, struct fl_err *e)
{
	const char *name = strchr(bins->name, '/') + 1;
	struct fl_tensor t = { .name = name, .dtype = FL_F32, .ndim = bins->ndim - 1 };
	struct fl_slot *s;

	if (check_prefix(bins, &t, e))
		return -1;
	if (bins->dtype != FL_I64 || !bins->ndim || bins->dim[0] != FL_BINS)
		return fl_fail(e, FL_EDATA, "tensor '%s' has the wrong type or shape", bins->name);
	t.dim = bins->dim + 1;
	t.n = bins->n / FL_BINS;
	t.bytes = t.n * sizeof(float);
	if (!(s = fl_collect_slot(c, &t, e)) ||
	    merge_bins(c, s, rec, bins, join(a, TOP, name, e), K, e))
		return -1;
	return merge_sums(s->sum, rec, join(a, SUMS, name, e), K, e);
}

static int take_row(double *row, const double *from, unsigned nrow, int64_t client,
                    struct fl_err *e)
{
	unsigned i;

	for (i = 0; i < nrow; i++) {
		if (!isfinite(from[i]))
			return fl_fail(e, FL_EDATA, "client %lld: tensor '@rows': element %u is %g",
			               (long long)client, i, from[i]);
		row[i] = from[i];
	}
	return 0;
}

static int merge_clients(struct fl_collect *c, const struct fl_tset *rec, size_t *K,
                         struct fl_err *e)
{
	const struct fl_tensor *ids = fl_tset_find(rec, "@clients"), *rows = NULL;
	unsigned nrow = c->fold->nrow;
	double *row;
	const int64_t *id;
	size_t k;

	if (!ids || ids->dtype != FL_I64 || ids->ndim != 1 || !ids->n)
		return fl_fail(e, FL_EDATA, "tensor '@clients' is missing, or not a list of I64");
	if (ids->n > FL_BINS_TERMS)
		return fl_fail(e, FL_EDATA, "more than %d clients", FL_BINS_TERMS);
	if (nrow && !(rows = need(rec, "@rows", FL_F64, 2, (size_t[]){ ids->n, nrow }, e)))
		return -1;
	for (id = ids->data, k = 0; k < ids->n; k++) {
		if (id[k] < 0 || (k && id[k] <= id[k - 1]))
			return fl_fail(e, FL_EDATA, "tensor '@clients' is not ascending at %zu", k);
		if (!(row = fl_arena_zero(&c->arena, nrow, sizeof *row, e)))
			return -1;
		if (rows && take_row(row, (const double *)rows->data + k * nrow, nrow, id[k], e))
			return -1;
		if (fl_collect_see(c, id[k], c->file, row, e))
			return -1;
	}
	*K = ids->n;
	return 0;
}

static int check_head(const struct fl_collect *c, const struct fl_tset *rec, struct fl_err *e)
{
	const char *base = fl_meta_get(rec, "fl.base"), *spec = fl_meta_get(rec, "fl.method");
	int64_t round;

	if (fl_meta_need_i64(rec, "fl.round", &round, e) < 0)
		return -1;
	if (round != c->round)
		return fl_fail(e, FL_EDATA, "fl.round is %lld, want %lld", (long long)round,
		               (long long)c->round);
	if (!base || !fl_base_names(base, c->base, c->model))
		return fl_fail(e, FL_EDATA, "fl.base is %s, but the model's is %s",
		               base ? base : "missing", c->base);
	if (!spec || !fl_num_alike(spec, c->spec))
		return fl_fail(e, FL_EDATA, "a partial of %s, want %s", spec ? spec : "no rule",
		               c->spec);
	return 0;
}

int fl_partial_merge(struct fl_collect *c, const struct fl_tset *rec, struct fl_err *e)
{
	struct fl_arena names = { .head = NULL };
	size_t i, K = 0;
	int rc;

	if (check_head(c, rec, e) || merge_clients(c, rec, &K, e))
		return -1;
	rc = merge_sums(c->total, rec, "@total", K, e);
	for (i = 0; !rc && i < rec->nt; i++)
		if (!strncmp(rec->t[i].name, BINS, strlen(BINS)) ||
		    !strncmp(rec->t[i].name, MEAN, strlen(MEAN)))
			rc = merge_slot(c, rec, &rec->t[i], K, &names, e);
	fl_arena_release(&names);
	return rc;
}
