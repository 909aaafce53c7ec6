/* Reading and checking updates, whatever becomes of them. */
#include "fed/agg/collect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/par.h"
#include "fed/agg/collect_int.h"
#include "kernel/vmath.h"
#include "tensor/running.h"

void fl_collect_init(struct fl_collect *c)
{
	*c = (struct fl_collect){ .spool = { .fd = -1 }, .threads = 1, .tile = FL_TILE };
}

unsigned fl_collect_nrow(const struct fl_collect *c)
{
	return c->fold ? c->fold->nrow : c->rule->nrow;
}

static int cmp_client(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

const double *fl_collect_row(const struct fl_collect *c, int64_t client)
{
	const int64_t *at = c->rows.n ? bsearch(&client, c->rows.client, c->rows.n,
	                                        sizeof *c->rows.client, cmp_client) : NULL;

	return at ? c->rows.value + (size_t)(at - c->rows.client) * fl_collect_nrow(c) : NULL;
}

static void member_release(struct fl_arrived *m)
{
	if (m->kept)
		fl_tset_release(&m->kept->rec);
	fl_stream_close(m->past);
	fl_tset_release(&m->rec);
}

void fl_collect_release(struct fl_collect *c)
{
	size_t i;

	for (i = 0; i < c->nmember; i++)
		member_release(&c->member[i]);
	for (i = 0; i < c->nslot; i++) {
		free(c->slot[i]->v);
		free(c->slot[i]->mask);
		free(c->slot[i]->weight);
		free(c->slot[i]->from);
		free(c->slot[i]->add);
	}
	for (i = 0; c->result && i < (c->rule->personal ? c->K : 1); i++)
		fl_tset_release(&c->result[i]);
	for (i = 0; c->scratch && i < (size_t)c->threads; i++)
		free(c->scratch[i]);
	free(c->scratch);
	free(c->result);
	free(c->weight);
	free(c->share);
	free(c->matrix);
	free(c->member);
	free(c->seen);
	free(c->slot);
	free(c->stretch);
	free(c->tensor);
	free(c->owned);
	fl_spool_release(&c->spool);
	fl_accord_release(&c->accord);
	fl_arena_release(&c->wide);
	fl_arena_release(&c->arena);
}

/* Position of the first slot whose name is not below name. */
static size_t slot_bound(const struct fl_collect *c, const char *name)
{
	size_t lo = 0, hi = c->nslot;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(c->slot[mid]->t.name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct fl_slot *fl_collect_find(struct fl_collect *c, const char *name)
{
	size_t pos = slot_bound(c, name);

	return pos < c->nslot && !strcmp(c->slot[pos]->t.name, name) ? c->slot[pos] : NULL;
}

static struct fl_slot *new_slot(struct fl_collect *c, size_t pos, const struct fl_tensor *t,
                                void *data, struct fl_err *e)
{
	struct fl_slot *s = fl_arena_zero(&c->arena, 1, sizeof *s, e);
	size_t *dim = fl_arena_get(&c->arena, t->ndim, sizeof *dim, e);

	if (!s || !dim || fl_grow(&c->slot, &c->slotcap, c->nslot + 1, sizeof *c->slot, e))
		return NULL;
	s->t = *t;
	s->t.data = data;
	s->t.dim = dim;
	s->running = fl_tensor_is_running(t);
	if (t->ndim)
		memcpy(dim, t->dim, t->ndim * sizeof *dim);
	if (!(s->t.name = fl_arena_str(&c->arena, t->name, e)) ||
	    (c->fold && fl_exact_init(c, s, e)))
		return NULL;
	memmove(c->slot + pos + 1, c->slot + pos, (c->nslot - pos) * sizeof *c->slot);
	c->slot[pos] = s;
	c->nslot++;
	return s;
}

static int model_slots(struct fl_collect *c, struct fl_err *e)
{
	size_t i;

	for (i = 0; c->model && i < c->model->nt; i++) {
		const struct fl_tensor *t = &c->model->t[i];

		if (t->dtype == FL_F32 && !new_slot(c, slot_bound(c, t->name), t, t->data, e))
			return -1;
	}
	return 0;
}

static int same_shape(const struct fl_tensor *t, const struct fl_tensor *want, struct fl_err *e)
{
	char a[256], b[256];

	if (t->dtype != want->dtype)
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s, want %s", t->name,
		               fl_dtype_name(t->dtype), fl_dtype_name(want->dtype));
	if (!fl_tensor_same_shape(t, want))
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s, want %s", t->name,
		               fl_tensor_shape_str(t, a, sizeof a),
		               fl_tensor_shape_str(want, b, sizeof b));
	return 0;
}

/* The slot of t, made where t is the first of an extra's name. */
struct fl_slot *fl_collect_slot(struct fl_collect *c, const struct fl_tensor *t, struct fl_err *e)
{
	size_t pos = slot_bound(c, t->name);
	const struct fl_tensor *m = c->model ? fl_tset_find(c->model, t->name) : NULL;

	if (pos < c->nslot && !strcmp(c->slot[pos]->t.name, t->name))
		return same_shape(t, &c->slot[pos]->t, e) ? NULL : c->slot[pos];
	/* Models that differ: each tensor is combined over those who hold it. */
	if (!c->model && !fl_tensor_is_extra(t) && t->dtype == FL_F32)
		return new_slot(c, pos, t, NULL, e);
	if (m)
		fl_fail(e, FL_EDATA, "tensor '%s' is %s in the model: only F32 is averaged", t->name,
		        fl_dtype_name(m->dtype));
	else if (!fl_tensor_is_extra(t))
		fl_fail(e, FL_EDATA, "tensor '%s' is not in the model", t->name);
	else if (t->dtype != FL_F32)
		fl_fail(e, FL_EDATA, "tensor '%s' is %s; %s combines F32 extras only", t->name,
		        fl_dtype_name(t->dtype), c->who);
	else
		return new_slot(c, pos, t, NULL, e);
	return NULL;
}

/* "@METHOD/..." of the method whose extras the rule reads itself. */
static int is_taken(const struct fl_collect *c, const struct fl_tensor *t)
{
	size_t n = c->rule->takes ? strlen(c->rule->takes) : 0;

	return n && t->name[0] == '@' && !strncmp(t->name + 1, c->rule->takes, n) &&
	       t->name[n + 1] == '/';
}

/* The model whose tensors an update has: of a late one, that of now has them, too. */
static const struct fl_tset *shapes_of(const struct fl_collect *c, const struct fl_arrived *m)
{
	return m->from->model ? m->from->model : c->model;
}

/* That a tensor is one of the model that the client received. */
static int check_held(const struct fl_collect *c, const struct fl_arrived *m,
                      const struct fl_tensor *t, struct fl_err *e)
{
	const struct fl_tensor *want = fl_tset_find(shapes_of(c, m), t->name);

	if (!want)
		return fl_fail(e, FL_EDATA, "tensor '%s' is not in the model", t->name);
	if (want->dtype != FL_F32)
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s in the model: only F32 is averaged",
		               t->name, fl_dtype_name(want->dtype));
	return same_shape(t, want, e);
}


/* The slot of a client's tensor. Where clients have models of their own, these are to agree
 * on what has one name. */
static struct fl_slot *slot_of(struct fl_collect *c, const struct fl_arrived *m,
                               const struct fl_tensor *t, struct fl_err *e)
{
	const struct fl_slot *s;
	char a[256], b[256];

	if (c->model || fl_tensor_is_extra(t))
		return fl_collect_slot(c, t, e);
	if (check_held(c, m, t, e))
		return NULL;
	s = fl_collect_find(c, t->name);
	if (!s || fl_tensor_same_shape(&s->t, t))
		return fl_collect_slot(c, t, e);
	fl_fail(e, FL_EDATA, "tensor '%s' is %s, that of another client %s: what models do not share "
	        "clients keep by fl-local-train -M partial:private=GLOB", t->name,
	        fl_tensor_shape_str(t, a, sizeof a), fl_tensor_shape_str(&s->t, b, sizeof b));
	return NULL;
}

/* --- sub-networks --- */

/* For a fold, a mask counts as an extra of its own, whose sum is the weight of owners. */
static int fold_mask(struct fl_collect *c, struct fl_arrived *m, const struct fl_tensor *mask,
                     struct fl_piece *p, struct fl_err *e)
{
	struct fl_tensor *t;
	float *v;

	if (mask->dtype == FL_F32)
		return (p->slot = fl_collect_slot(c, mask, e)) ? 0 : -1;
	t = fl_arena_get(&m->rec.arena, 1, sizeof *t, e);
	v = fl_arena_get(&m->rec.arena, mask->n, sizeof *v, e);
	if (!t || !v)
		return -1;
	fl_dtype_to_f32(FL_U8, mask->data, v, mask->n);
	*t = *mask;
	t->dtype = FL_F32;
	t->bytes = t->n * sizeof *v;
	t->data = v;
	p->t = t;
	return (p->slot = fl_collect_slot(c, t, e)) ? 0 : -1;
}

/* Rules that look at one coordinate at a time. */
static int joins_masks(const struct fl_collect *c)
{
	const struct fl_rule *r = c->rule;

	return c->fold ? c->fold->mean : !r->flags && !r->personal && !r->apart &&
	                                 (r->weigh || r->column);
}

static int match_mask(struct fl_collect *c, struct fl_arrived *m, const struct fl_tensor *mask,
                      struct fl_piece *p, struct fl_err *e)
{
	const char *name = mask->name + strlen(FL_MASK);	/* the mask may be what fl.slice says */
	const struct fl_tensor *t = fl_tset_find(&m->rec, name);
	int joins = joins_masks(c);

	if (fl_mask_check(mask, t, e))
		return -1;
	if (mask->dtype == FL_F32 && (!joins || (c->rule->column && !c->fold)))
		return fl_fail(e, FL_EDATA, "tensor '%s': its coordinates have weights (@mask/ of F32), "
		               "which %s does not combine; weighted means do", name, c->who);
	if (!joins)
		return fl_fail(e, FL_EDATA, "tensor '%s': %s does not combine sub-networks; weighted "
		               "means and coordinate-wise rules do", name, c->who);
	if (mask->dtype == FL_F32)	/* parts stand as tensors do */
		m->part[t - m->rec.t].weight = mask->data;
	c->masked = 1;
	if (c->fold)
		return fold_mask(c, m, mask, p, e);
	p->slot = fl_collect_find(c, t->name);
	return 0;
}

static int match(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e)
{
	size_t i;

	if (!(m->part = fl_arena_zero(&m->rec.arena, m->rec.nt, sizeof *m->part, e)))
		return -1;
	/* By name, so that sums over tensors do not depend on the file's order. */
	fl_tset_sort(&m->rec);
	for (i = 0; i < m->rec.nt; i++) {
		const struct fl_tensor *t = &m->rec.t[i];
		struct fl_piece *p = &m->part[m->npart++];

		p->t = t;
		if (is_taken(c, t) || fl_fact_is(t->name))
			continue;
		if (fl_mask_is(t->name)) {
			if (match_mask(c, m, t, p, e))
				return -1;
			continue;
		}
		if (fl_tensor_is_extra(t) && (c->rule->whole || c->rule->personal ||
		                              (c->fold && c->fold->mix)))
			return fl_fail(e, FL_EDATA, "tensor '%s': %s does not combine extras",
			               t->name, c->who);
		/* Whole rules see records and models themselves: no slots. */
		if (c->rule->whole ? check_held(c, m, t, e) : !(p->slot = slot_of(c, m, t, e)))
			return -1;
	}
	return 0;
}

int fl_received_is(const struct fl_received *r, const char *base)
{
	return r->model ? fl_base_names(base, r->base, r->model) :
	       !strcmp(base, r->base) || !strcmp(base, r->crc);
}

/* The model of u's client, which round and base must name. */
static const struct fl_received *model_of(struct fl_collect *c, const struct fl_update *u,
                                          struct fl_err *e)
{
	const struct fl_received *r = c->received(c->ctx, u, e);

	if (!r)
		return NULL;
	if (u->round != r->round + 1) {
		fl_fail(e, FL_EDATA, "fl.round is %lld, but the model is of round %lld, whose updates are of %lld",
		        (long long)u->round, (long long)r->round, (long long)r->round + 1);
		return NULL;
	}
	if (!fl_received_is(r, u->base)) {
		fl_fail(e, FL_EDATA, "fl.base is %s, but the model's is %s", u->base, r->base);
		return NULL;
	}
	if (!c->model && u->round > c->round)
		c->round = u->round;
	return r;
}

static int check_model(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e)
{
	const char *enc = fl_meta_get(&m->rec, "fl.enc");

	if (!(m->from = model_of(c, &m->u, e)))
		return -1;
	return enc ? fl_fail(e, FL_EDATA, "is encoded (fl.enc is '%s'): undo that first", enc) : 0;
}

const float *fl_collect_fetch(const struct fl_arrived *m, const struct fl_tensor *t, size_t i0,
                              size_t i1, float *room, struct fl_err *e)
{
	size_t n = (i1 - i0) * sizeof *room;
	ssize_t got;

	if (m->fd < 0)
		return (const float *)t->data + i0;
	got = fl_pread_full(m->fd, room, n, m->buffer + t->at + i0 * sizeof *room, e);
	if (got >= 0 && (size_t)got < n)
		fl_fail(e, FL_EDATA, "truncated while it was read");
	if (got >= 0 && (size_t)got == n)
		return room;
	fl_fail_in(e, "%s", m->file);
	return NULL;
}

int fl_collect_check(const struct fl_arrived *m, const struct fl_tensor *t, size_t i0, size_t i1,
                     const float *x, struct fl_err *e)
{
	size_t i = 0;
	float max;

	if (fl_vfinite(x, i1 - i0, &max))
		return 0;
	while (isfinite(x[i]))
		i++;
	return fl_fail(e, FL_EDATA, "%s: client %lld: tensor '%s': element %zu is %g", m->file,
	               (long long)m->u.client, t->name, i0 + i, (double)x[i]);
}

static int scan_part(struct fl_piece *p, double *sumsq, struct fl_err *e)
{
	const float *x = p->t->data;
	size_t i = 0;

	if (p->t->dtype != FL_F32 || !p->t->data)	/* the latter: looked at as it is read */
		return 0;
	if (!fl_vfinite(x, p->t->n, &p->max)) {
		while (isfinite(x[i]))
			i++;
		return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is %g", p->t->name, i,
		               (double)x[i]);
	}
	if (sumsq && !fl_tensor_is_extra(p->t) && !fl_tensor_is_running(p->t))
		*sumsq += fl_vsumsq(x, p->t->n);
	return 0;
}

/* One pass over the data of a member: finite, largest, norm. */
static int scan(void *ctx, size_t item, int thread, struct fl_err *e)
{
	struct fl_collect *c = ctx;
	struct fl_arrived *m = &c->member[item];
	int norm = (c->needs & FL_NEED_NORM) != 0;
	double sumsq = 0;
	size_t i;

	(void)thread;
	for (i = 0; i < m->npart; i++)
		if (scan_part(&m->part[i], norm ? &sumsq : NULL, e))
			return fl_fail_in(e, "%s: client %lld", m->file, (long long)m->u.client);
	if (norm)
		m->u.norm = sqrt(sumsq);
	return 0;
}

int fl_collect_scan(struct fl_collect *c, struct fl_err *e)
{
	return fl_par_for(c->nmember, c->threads, c, scan, e);
}

int fl_collect_see(struct fl_collect *c, int64_t client, const char *file, double *row,
                   struct fl_err *e)
{
	struct fl_seen *s;

	if (c->K == FL_BINS_TERMS)
		return fl_fail(e, FL_EDATA, "more than %d clients", FL_BINS_TERMS);
	if (fl_grow(&c->seen, &c->seencap, c->K + 1, sizeof *c->seen, e))
		return -1;
	s = &c->seen[c->K++];
	*s = (struct fl_seen){ .client = client, .file = file, .row = row };
	return 0;
}

static int cmp_seen(const void *a, const void *b)
{
	const struct fl_seen *x = a, *y = b;

	return (x->client > y->client) - (x->client < y->client);
}

static int sort_seen(struct fl_collect *c, struct fl_err *e)
{
	size_t i;

	if (c->K)
		qsort(c->seen, c->K, sizeof *c->seen, cmp_seen);
	for (i = 1; i < c->K; i++)
		if (c->seen[i].client == c->seen[i - 1].client)
			return fl_fail(e, FL_EDATA, "client %lld is there twice: in %s and in %s",
			               (long long)c->seen[i].client, c->seen[i - 1].file,
			               c->seen[i].file);
	return 0;
}

static const char *file_name(struct fl_collect *c, const struct fl_inputs *in, struct fl_err *e)
{
	const char *name = fl_inputs_name(in);

	if (!c->file || strcmp(c->file, name))
		c->file = fl_arena_str(&c->arena, name, e);
	return c->file;
}

/* Takes rec over. */
static struct fl_arrived *new_member(struct fl_collect *c, struct fl_tset *rec, const char *file,
                                    struct fl_err *e)
{
	struct fl_arrived *m;

	if (fl_grow(&c->member, &c->membercap, c->nmember + 1, sizeof *c->member, e))
		return NULL;
	m = &c->member[c->nmember++];
	*m = (struct fl_arrived){ .rec = *rec, .file = file, .fd = -1 };
	*rec = (struct fl_tset){ .t = NULL };
	return m;
}

/* The data of the record at hand are still there at the next. */
static int stays(const struct fl_collect *c, const struct fl_inputs *in)
{
	return fl_stream_mapped(in->cur) && !c->wide.total;
}

/* Of a sub-network. */
static int is_part(const struct fl_tset *rec)
{
	if (fl_meta_get(rec, "fl.slice"))
		return 1;
	for (size_t i = 0; i < rec->nt; i++)
		if (fl_mask_is(rec->t[i].name))
			return 1;
	return 0;
}

static int bind(struct fl_arrived *m, struct fl_err *e)
{
	m->fd = -1;
	return fl_stream_bind(m->in, m->buffer, &m->rec, e);
}

int fl_collect_rebases(const struct fl_collect *c)
{
	return c->fold && c->fold->rebase && c->fold->rebase(c->fp);
}

/* Whether some of it is to become a difference to the model of now. */
static int is_rebased(const struct fl_collect *c, const struct fl_arrived *m)
{
	int any = fl_collect_rebases(c);

	for (size_t i = 0; !any && i < m->rec.nt; i++)
		any = fl_tensor_is_running(&m->rec.t[i]);
	return any && c->model && m->u.round != c->round;
}

static int rebase(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e)
{
	const struct fl_tset *then;

	if (!is_rebased(c, m))
		return 0;
	then = m->from->model ? m->from->model : c->past(c->ctx, m->from, e);
	return then ? fl_rebase(&m->rec, then, c->model, fl_collect_rebases(c), &c->wide, e) : -1;
}

/* Sums and columns look at each byte once, by tiles; the others at will. */
static int place(struct fl_collect *c, struct fl_inputs *in, struct fl_arrived *m, struct fl_err *e)
{
	int once = c->fold || (c->rule->column && !c->rule->weigh);

	m->in = in->cur;
	m->fd = fl_stream_apart(in->cur, &m->buffer);
	if (once && !c->kept && !is_rebased(c, m) && !c->facts && !c->rule->takes &&
	    !(c->needs & FL_NEED_NORM) && !is_part(&m->rec))
		return 0;
	return bind(m, e);
}

static int read_update(struct fl_collect *c, struct fl_inputs *in, struct fl_tset *rec,
                       struct fl_err *e)
{
	struct fl_arrived *m = new_member(c, rec, c->file, e);

	if (!m || fl_update_read(&m->rec, &m->u, e) || place(c, in, m, e))
		return -1;
	if (check_model(c, m, e) || fl_slice_undo(&m->rec, shapes_of(c, m), &c->wide, e) ||
	    rebase(c, m, e) || match(c, m, e))
		return fl_fail_in(e, "client %lld", (long long)m->u.client);
	if (fl_update_check(&m->u, c->needs, c->who, e))
		return -1;
	if (fl_fact_check(&m->rec, c->facts, c->who, e) ||
	    (c->needs & FL_NEED_HOW && c->how(&m->rec, &m->u.how, e)))
		return fl_fail_in(e, "client %lld", (long long)m->u.client);
	if (!c->fold && fl_table_keep(c, m, stays(c, in), e))
		return -1;
	if (!c->fold)
		fl_arena_release(&c->wide);
	return 0;
}

/* Folds the members at hand and lets them and their files go. */
static int drain(struct fl_collect *c, struct fl_inputs *in, int last, struct fl_err *e)
{
	size_t i;

	if (fl_exact_add(c, last, e))
		return -1;
	for (i = 0; c->kept && i < c->nmember; i++)
		if (fl_kept_write(c, &c->member[i], e))
			return -1;
	for (i = 0; i < c->nmember; i++)
		member_release(&c->member[i]);
	c->nmember = 0;
	for (i = 0; i < in->nkept; i++)
		fl_stream_close(in->kept[i]);
	in->nkept = 0;
	fl_arena_release(&c->wide);
	return 0;
}

/* Updates that are kept: in place, by client, checked. */
static int settle(struct fl_collect *c, struct fl_err *e)
{
	/* Columns of sub-networks are as short as their owners say. */
	for (size_t k = 0; c->masked && k < c->nmember; k++)
		if (c->member[k].fd >= 0 && bind(&c->member[k], e))
			return -1;
	if (fl_table_settle(c, e))
		return -1;
	return fl_collect_scan(c, e);
}

static int read_partial(struct fl_collect *c, struct fl_inputs *in, struct fl_tset *rec,
                        struct fl_err *e)
{
	size_t before = c->K;
	unsigned long long at;

	if (!c->fold || c->fold->mix)
		return fl_fail(e, FL_EDATA, "a partial record; %s %s", c->who, c->fold ?
		               "keeps updates, which no partial holds" : "is not a folding rule");
	fl_stream_apart(in->cur, &at);
	if (fl_stream_bind(in->cur, at, rec, e) || fl_partial_merge(c, rec, e))
		return -1;
	c->drained = 1;
	/* -n counts clients. */
	in->count += c->K - before - 1;
	return 0;
}

/* What is not mapped is gone at the next call; files open at once are limited. */
static int is_full(const struct fl_collect *c, const struct fl_inputs *in)
{
	size_t most = c->nmember && c->member[c->nmember - 1].fd >= 0 ? in->apart : FL_BATCH;

	return c->nmember && (c->nmember >= most || !stays(c, in));
}

static int read_one(struct fl_collect *c, struct fl_inputs *in, struct fl_tset *rec,
                    struct fl_err *e)
{
	enum fl_kind kind;
	int rc;

	if (!file_name(c, in, e) || fl_accord_add(&c->accord, rec, c->file, e))
		return -1;
	rc = fl_meta_kind(rec, &kind, e);
	if (!rc)
		rc = kind == FL_KIND_PARTIAL ? read_partial(c, in, rec, e) :
		                               read_update(c, in, rec, e);
	if (rc)
		return fl_fail_in(e, "%s", c->file);
	return c->fold && is_full(c, in) ? drain(c, in, 0, e) : 0;
}

/* Half of the descriptors that are to be had. */
static size_t most_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur > 2 * FL_APART)
		return FL_APART;
	return (size_t)r.rlim_cur / 2;
}

int fl_collect_read(struct fl_collect *c, struct fl_inputs *in, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	int rc;

	c->needs = c->fold ? c->fold->needs : c->rule->needs;
	c->facts = c->fold ? c->fold->facts : c->rule->facts;
	in->keep = 1;
	in->apart = most_files();
	rc = model_slots(c, e);
	while (!rc && (rc = fl_inputs_next(in, &rec, e)) > 0)
		rc = read_one(c, in, &rec, e);
	fl_tset_release(&rec);
	if (!rc)
		rc = c->fold ? drain(c, in, 1, e) : settle(c, e);
	return rc ? -1 : sort_seen(c, e);
}

/* Tensors that somebody brought. */
static int list_tensors(struct fl_collect *c, struct fl_combined *out, struct fl_err *e)
{
	size_t i, n = 0;

	free(c->tensor);
	free(c->owned);
	c->tensor = fl_alloc(c->nslot, sizeof *c->tensor, e);
	c->owned = fl_alloc(c->nslot, sizeof *c->owned, e);
	if (!c->tensor || !c->owned)
		return -1;
	for (i = 0; i < c->nslot; i++)
		if (c->slot[i]->owners && !fl_mask_is(c->slot[i]->t.name)) {
			c->tensor[n] = &c->slot[i]->t;
			c->owned[n++] = c->slot[i];
		}
	*out = (struct fl_combined){ .n = n, .t = c->tensor, .tile = c->tile, .ctx = c,
	                             .get = c->fold ? fl_exact_get : fl_table_get };
	return 0;
}

int fl_collect_combine(struct fl_collect *c, struct fl_combined *out, struct fl_err *e)
{
	if (!c->K)
		return fl_fail(e, FL_EDATA, "no update to combine");
	if (c->fold ? fl_exact_finish(c, e) : fl_table_finish(c, e))
		return -1;
	return list_tensors(c, out, e);
}
