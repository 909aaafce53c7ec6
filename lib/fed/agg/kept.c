/* Reading, weighing and writing the last updates of clients. */
#include "fed/agg/kept.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/num.h"
#include "fed/agg/collect_int.h"
#include "fed/agg/memory.h"

#define BINS "@bins/"
#define TOP "@top/"

int fl_kept_open(struct fl_kept *k, const char *dir, int sync, struct fl_err *e)
{
	struct fl_arena a = { .head = NULL };
	char *folder = fl_arena_fmt(&a, e, "%s/", dir);
	int rc = folder ? 0 : -1;

	*k = (struct fl_kept){ .dir = dir, .sync = (sync ? 1 : 0) | FL_OUT_NO_SWEEP };
	if (!rc && mkdir(dir, 0777) && errno != EEXIST)
		rc = fl_fail(e, FL_EIO, "%s: %s", dir, strerror(errno));
	if (!rc)
		fl_out_sweep(folder);
	fl_arena_release(&a);
	return rc;
}

int fl_kept_commit(struct fl_kept *k, struct fl_err *e)
{
	for (size_t i = 0; i < k->n; i++)
		if (fl_out_commit(&k->out[i], e))
			return -1;
	return 0;
}

void fl_kept_release(struct fl_kept *k)
{
	for (size_t i = 0; i < k->n; i++)
		fl_out_abort(&k->out[i]);
	free(k->out);
	*k = (struct fl_kept){ .out = NULL };
}

/* --- a client's --- */

/* 1: rec is the client's of that round; -1. */
static int is_last(const struct fl_tset *rec, int64_t client, int64_t round, struct fl_err *e)
{
	enum fl_kind kind;
	int64_t of, at;

	if (fl_meta_kind(rec, &kind, e) || fl_meta_need_i64(rec, "fl.round", &at, e) < 0 ||
	    fl_meta_need_i64(rec, "fl.client", &of, e) < 0)
		return -1;
	if (of != client)
		return fl_fail(e, FL_EDATA, "holds updates of client %" PRId64, of);
	return kind == FL_KIND_STATE && at == round;
}

/* m->kept: what the state says is there, in the client's file. */
static int load(struct fl_collect *c, struct fl_arrived *m, int64_t round, struct fl_err *e)
{
	struct fl_arrived *last = fl_arena_zero(&m->rec.arena, 1, sizeof *last, e);
	char *path = fl_client_path(c->kept->dir, m->u.client, "sts", &c->arena, e);
	int found = 0, rc = 0;

	if (!last || !path || !(m->past = fl_stream_open(path, e)))
		return -1;
	*last = (struct fl_arrived){ .file = path, .fd = -1, .u = { .client = m->u.client } };
	m->kept = last;
	while (!found && (rc = fl_stream_next(m->past, &last->rec, e)) > 0)
		found = is_last(&last->rec, m->u.client, round, e);
	if (rc < 0 || found > 0)
		return rc < 0 ? -1 : 0;
	if (!found)
		fl_fail(e, FL_EDATA, "holds no update of round %" PRId64 ", which the server's state counts",
		        round);
	return fl_fail_in(e, "%s", path);
}

/* Where the kept updates' sum of a slot is formed. */
static struct fl_slot *sum_of(struct fl_collect *c, struct fl_slot *s, struct fl_err *e)
{
	struct fl_tensor t = s->t;

	if (!s->kept && (t.name = fl_arena_fmt(&c->arena, e, FL_KEPT "%s", s->t.name)))
		s->kept = fl_collect_slot(c, &t, e);
	return s->kept;
}

static const struct fl_tensor *last_of(const struct fl_arrived *m, const struct fl_slot *s,
                                       struct fl_err *e)
{
	const struct fl_tensor *h = fl_tset_find(&m->kept->rec, s->kept->t.name);

	if (h && h->dtype == FL_F32 && fl_tensor_same_shape(h, &s->t))
		return h;
	fl_fail(e, FL_EDATA, "%s: tensor '%s' is missing, or of another type or shape", m->kept->file,
	        s->kept->t.name);
	return NULL;
}

int fl_kept_enter(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e)
{
	const double *row = fl_collect_row(c, m->u.client);
	const struct fl_tensor *h;

	m->out.row[FL_KEPT_ROUND] = (double)c->round;
	m->out.row[FL_KEPT_WEIGHT] = m->out.keep;
	if (row && !(row[FL_KEPT_ROUND] >= 1 && row[FL_KEPT_ROUND] < (double)c->round))
		return fl_fail(e, FL_EDATA, "%s: the last update of client %" PRId64 " is of round %g, in "
		               "round %" PRId64, c->kept->dir, m->u.client, row[FL_KEPT_ROUND], c->round);
	if (row && load(c, m, (int64_t)row[FL_KEPT_ROUND], e))
		return -1;
	for (size_t i = 0; i < m->npart; i++) {
		struct fl_slot *s = m->part[i].slot;

		if (!s || s->running)
			continue;
		if (!sum_of(c, s, e) || fl_exact_list(s->kept, m, m->part[i].t, m->out.keep, NULL, e))
			return -1;
		if (!row)
			continue;
		if (!(h = last_of(m, s, e)) || fl_exact_list(s, m->kept, h, m->out.back, NULL, e) ||
		    fl_exact_list(s->kept, m->kept, h, -row[FL_KEPT_WEIGHT], NULL, e))
			return -1;
	}
	return 0;
}

static int add_tensors(struct fl_tset *out, const struct fl_arrived *m, struct fl_err *e)
{
	for (size_t i = 0; i < m->npart; i++) {
		const struct fl_slot *s = m->part[i].slot;
		const struct fl_tensor *t = m->part[i].t;

		if (s && s->kept &&
		    !fl_tset_add(out, s->kept->t.name, FL_F32, t->ndim, t->dim, t->data, e))
			return -1;
	}
	return 0;
}

int fl_kept_write(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e)
{
	struct fl_tset now = { .t = NULL }, none = { .t = NULL };
	struct fl_kept *k = c->kept;
	char *path = fl_client_path(k->dir, m->u.client, "sts", &now.arena, e);
	int rc = -1;

	if (path && !fl_grow(&k->out, &k->cap, k->n + 1, sizeof *k->out, e) &&
	    !fl_meta_set_i64(&now, "fl.client", m->u.client, e) &&
	    !fl_meta_set(&now, "fl.method", c->spec, e) && !add_tensors(&now, m, e) &&
	    !fl_out_open(&k->out[k->n], path, k->sync, e)) {
		struct fl_out *o = &k->out[k->n++];

		rc = fl_state_write(o, c->round, m->kept ? &m->kept->rec : &none, &now, e) ||
		     fl_out_finish(o, e) ? -1 : 0;
	}
	fl_tset_release(&now);
	return rc;
}

/* --- all of them --- */

/* What the sum of the rounds before holds of a slot. */
static int take_past(struct fl_collect *c, struct fl_slot *s, struct fl_err *e)
{
	const char *bins = fl_arena_fmt(&c->arena, e, BINS "%s", s->t.name);
	const char *top = fl_arena_fmt(&c->arena, e, TOP "%s", s->t.name);
	const struct fl_tensor *t = bins ? fl_tset_find(c->old, bins) : NULL;

	if (!bins || !top)
		return -1;
	if (!c->rows.n && !t)
		return 0;
	if (!t || t->dtype != FL_I64 || t->n != FL_BINS * s->t.n)
		return fl_fail(e, FL_EDATA, "tensor '%s' is not among those that the state keeps: %s "
		               "wants the same of all clients in all rounds", s->t.name, c->who);
	if (fl_bins_take(c->old, t, top, s->t.n, FL_BINS_TERMS - 2 * c->K, &s->past, e))
		return fl_fail_in(e, "the state");
	fl_exact_settle(s->kept, s->past.top);
	fl_bins_merge(&s->kept->bins, &s->past);
	return 0;
}

static int take_all(struct fl_collect *c, struct fl_err *e)
{
	size_t n = 0, before = 0;

	for (size_t i = 0; i < c->nslot; i++) {
		struct fl_slot *s = c->slot[i];

		if (!s->owners || s->running)
			continue;
		if (s->owners < c->K)
			return fl_fail(e, FL_EDATA, "tensor '%s' is missing with %zu of %zu clients: %s wants "
			               "the same of all clients in all rounds", s->t.name, c->K - s->owners,
			               c->K, c->who);
		if (take_past(c, s, e))
			return -1;
		n++;
	}
	for (size_t i = 0; i < c->old->nt; i++)
		before += !strncmp(c->old->t[i].name, BINS, strlen(BINS));
	if (before && before != n)
		return fl_fail(e, FL_EDATA, "the state keeps %zu tensors of each client, the updates have "
		               "%zu: %s wants the same of all clients in all rounds", before, n, c->who);
	return 0;
}

/* How many are known now, and what their kept updates count. */
static int count_all(struct fl_collect *c, struct fl_fold_all *a, struct fl_err *e)
{
	unsigned nrow = fl_collect_nrow(c);
	size_t n = fl_rows_merge(&c->rows, nrow, c->seen, c->K, NULL, NULL);
	int64_t *id = fl_alloc(n, sizeof *id, e);
	double *v = fl_alloc(n, nrow * sizeof *v, e);

	if (id && v)
		fl_rows_merge(&c->rows, nrow, c->seen, c->K, id, v);
	for (size_t i = 0; id && v && i < n; i++)
		a->kept += v[i * nrow + FL_KEPT_WEIGHT];
	a->N = n;
	free(id);
	free(v);
	return id && v ? 0 : -1;
}

int fl_kept_finish(struct fl_collect *c, struct fl_err *e)
{
	struct fl_fold_all a = { .s = c->s, .K = c->K };

	if (count_all(c, &a, e))
		return -1;
	/* An update of each, and of those here its last one, too, which goes. */
	if (2 * c->K >= FL_BINS_TERMS || a.N > FL_BINS_TERMS - 2 * c->K)
		return fl_fail(e, FL_EDATA, "more than %d clients, of which those here count three times",
		               FL_BINS_TERMS);
	if (take_all(c, e) || c->fold->mix(c->fp, &a, &c->here, &c->gone, e))
		return -1;
	return isfinite(c->here) && isfinite(c->gone) ? 0 :
	       fl_fail(e, FL_ENUM, "%s: a weight becomes %g", c->who,
	               isfinite(c->here) ? c->gone : c->here);
}

int fl_kept_state(struct fl_collect *c, struct fl_tset *state, struct fl_err *e)
{
	for (size_t i = 0; i < c->nslot; i++) {
		struct fl_slot *s = c->slot[i];

		if (!s->kept)
			continue;
		fl_exact_settle(s->kept, 0);
		if (fl_bins_put(state, s->kept, fl_arena_fmt(&state->arena, e, BINS "%s", s->t.name),
		                fl_arena_fmt(&state->arena, e, TOP "%s", s->t.name), e))
			return -1;
	}
	return 0;
}
