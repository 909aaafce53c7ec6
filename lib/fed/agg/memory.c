/* Reading, merging and writing what the server keeps from round to round. */
#include "fed/agg/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BASE (FL_HASH_TEXT - 1)

/* --- whose it is --- */

/* Whether text begins with a spec of that name; *text moves to the next word. */
static int takes_spec(const char **text, const char *name)
{
	size_t n = strlen(name);
	int same = !strncmp(*text, name, n) && (!(*text)[n] || strchr(": ", (*text)[n]));

	*text += strcspn(*text, " ");
	*text += **text == ' ';
	return same;
}

static int check_keeper(const struct fl_memory *m, struct fl_err *e)
{
	const char *spec = fl_meta_get(&m->old, "fl.method"), *at = spec ? spec : "";

	if (takes_spec(&at, m->server) && (!m->rule || takes_spec(&at, m->rule)) && !*at)
		return 0;
	return fl_fail(e, FL_EDATA, "%s: the state of server %s, not of %s%s%s", m->path,
	               spec ? spec : "(no fl.method)", m->server, m->rule ? " " : "",
	               m->rule ? m->rule : "");
}

/* That it led to the one model. */
static int check_base(const struct fl_memory *m, const struct fl_received *now, struct fl_err *e)
{
	const char *led = fl_meta_get(&m->old, "fl.base");

	if (led && fl_base_names(led, now->base, now->model))
		return 0;
	return fl_fail(e, FL_EDATA, "%s: the state that leads to model %s, but %s is %s", m->path,
	               led ? led : "(no fl.base)", m->model, now->base);
}

/* --- rows --- */

static int read_bases(struct fl_memory *m, struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(&m->old, "@rows/base");

	if (!t || t->dtype != FL_U8 || t->ndim != 2 || t->dim[0] != m->rows.n || t->dim[1] != BASE)
		return fl_fail(e, FL_EDATA, "%s: '@rows/base' does not fit", m->path);
	m->bases = t->data;
	return 0;
}

static int check_rows(const struct fl_memory *m, struct fl_err *e)
{
	for (size_t i = 0; i < m->rows.n * m->nrow; i++)
		if (!isfinite(m->rows.value[i]))
			return fl_fail(e, FL_EDATA, "%s: '@rows/value' of client %" PRId64 " is %g", m->path,
			               m->rows.client[i / m->nrow], m->rows.value[i]);
	return 0;
}

static int read_rows(struct fl_memory *m, struct fl_err *e)
{
	const struct fl_tensor *id = fl_tset_find(&m->old, "@rows/client");
	const struct fl_tensor *v = fl_tset_find(&m->old, "@rows/value");
	const struct fl_tensor *since = fl_tset_find(&m->old, "@rows/since");
	const int64_t *c;

	if (!m->nrow)
		return 0;
	if (!id || !v || id->dtype != FL_I64 || id->ndim != 1 || v->dtype != FL_F64 ||
	    v->ndim != 2 || v->dim[0] != id->n || v->dim[1] != m->nrow ||
	    (since && (since->dtype != FL_I64 || since->ndim)))
		return fl_fail(e, FL_EDATA, "%s: '@rows/client' and '@rows/value' do not fit", m->path);
	c = id->data;
	for (size_t i = 1; i < id->n; i++)
		if (c[i] <= c[i - 1])
			return fl_fail(e, FL_EDATA, "%s: '@rows/client' is not ascending", m->path);
	m->rows = (struct fl_kept_rows){ id->n, c, v->data,
	                                 since ? *(const int64_t *)since->data : 1 };
	if (m->rows.since < 1 || m->rows.since >= m->round)
		return fl_fail(e, FL_EDATA, "%s: '@rows/since' is %" PRId64 ", in round %" PRId64, m->path,
		               m->rows.since, m->round);
	return check_rows(m, e) || (m->personal && read_bases(m, e)) ? -1 : 0;
}

size_t fl_rows_merge(const struct fl_kept_rows *old, unsigned nrow, const struct fl_seen *now,
                     size_t K, int64_t *id, double *value)
{
	size_t a = 0, b = 0, n = 0;

	while (a < old->n || b < K) {
		int is_now = b < K && (a == old->n || now[b].client <= old->client[a]);
		const double *from = is_now ? now[b].row : old->value + a * nrow;

		if (id) {
			id[n] = is_now ? now[b].client : old->client[a];
			memcpy(value + n * nrow, from, nrow * sizeof *value);
		}
		a += is_now ? a < old->n && old->client[a] == now[b].client : 1;
		b += (size_t)is_now;
		n++;
	}
	return n;
}

/* --- before the round --- */

void fl_memory_keeper(const struct fl_memory *m, const char **kind, const char **name)
{
	*kind = m->rule ? "rule" : "server";
	*name = m->rule ? m->rule : m->server;
}

/* State begins anew, but not in the place of one that led to this model. A file that
 * cannot be read holds none. */
static int begin_anew(struct fl_memory *m, const struct fl_received *now, struct fl_err *e)
{
	struct fl_err unread = { 0 };
	int leads = m->begin == FL_MEMORY_ANEW && m->path && m->keeps &&
	            !fl_state_load(m->path, m->round, &m->old, &unread) &&
	            !check_keeper(m, &unread) && (m->personal || !check_base(m, now, &unread));

	fl_tset_release(&m->old);
	if (!leads)
		return 0;
	return fl_fail(e, FL_EDATA, "%s: holds the state that led to %s: without --new-state the "
	               "round goes on from it; --new-state=force throws it away", m->path, m->model);
}

static int check_missing(const struct fl_memory *m, struct fl_err *e)
{
	const char *kind, *name;

	fl_memory_keeper(m, &kind, &name);
	if (!m->keeps || m->round <= 1)
		return 0;
	return fl_fail(e, FL_EDATA, "%s: no state before round %" PRId64 ", which %s %s keeps from the "
	               "first round on: --state FILE in every round%s", m->path ? m->path : "no --state",
	               m->round, kind, name,
	               m->path ? " (--new-state begins anew in this one)" : "");
}

int fl_memory_load(struct fl_memory *m, const struct fl_received *now, struct fl_err *e)
{
	int rc = 1;

	m->rows.since = m->round;
	if (m->begin != FL_MEMORY_GO_ON)
		return begin_anew(m, now, e);
	if (m->path && (rc = fl_state_load(m->path, m->round, &m->old, e)) < 0)
		return -1;
	if (rc)
		return check_missing(m, e);
	if (check_keeper(m, e) || (!m->personal && check_base(m, now, e)))
		return -1;
	return read_rows(m, e);
}

static int cmp_client(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int fl_memory_led(const struct fl_memory *m, int64_t client, const char *base, struct fl_err *e)
{
	const int64_t *at = m->bases ? bsearch(&client, m->rows.client, m->rows.n,
	                                       sizeof *m->rows.client, cmp_client) : NULL;
	const char *led = at ? m->bases + (size_t)(at - m->rows.client) * BASE : NULL;

	if (!led || !memcmp(led, base, BASE))
		return 0;
	return fl_fail(e, FL_EDATA, "%s: client %" PRId64 ": the state that leads to model %.*s, but that "
	               "in %s is %s", m->path, client, BASE, led, m->model, base);
}

/* --- after it --- */

/* The bases of the K now, and of others those of before. */
static void merge_bases(const struct fl_memory *m, const struct fl_seen *now, size_t K,
                        const char *base, const int64_t *id, size_t n, char *out)
{
	size_t a = 0, b = 0;

	for (size_t i = 0; i < n; i++) {
		while (a < m->rows.n && m->rows.client[a] < id[i])
			a++;
		if (b < K && now[b].client == id[i])
			memcpy(out + i * BASE, base + BASE * b++, BASE);
		else
			memcpy(out + i * BASE, m->bases + a * BASE, BASE);
	}
}

int fl_memory_add(struct fl_memory *m, const struct fl_seen *now, size_t K, const char *base,
                  struct fl_err *e)
{
	size_t n = fl_rows_merge(&m->rows, m->nrow, now, K, NULL, NULL);
	struct fl_tensor *t;
	int64_t *id;

	if (!m->nrow)
		return 0;
	if (!(t = fl_tset_add(&m->next, "@rows/client", FL_I64, 1, &n, NULL, e)))
		return -1;
	id = t->data;
	if (!(t = fl_tset_add(&m->next, "@rows/since", FL_I64, 0, NULL, NULL, e)))
		return -1;
	*(int64_t *)t->data = m->rows.since;
	if (!(t = fl_tset_add(&m->next, "@rows/value", FL_F64, 2, (size_t[]){ n, m->nrow }, NULL, e)))
		return -1;
	fl_rows_merge(&m->rows, m->nrow, now, K, id, t->data);
	if (!m->personal)
		return 0;
	if (!(t = fl_tset_add(&m->next, "@rows/base", FL_U8, 2, (size_t[]){ n, BASE }, NULL, e)))
		return -1;
	merge_bases(m, now, K, base, id, n, t->data);
	return 0;
}

int fl_memory_save(struct fl_memory *m, const char *spec, const char *base, int sync,
                   struct fl_err *e)
{
	if (fl_meta_set(&m->next, "fl.method", spec, e) ||
	    (base && fl_meta_set(&m->next, "fl.base", base, e)))
		return -1;
	return fl_state_save(m->path, m->round, &m->old, &m->next, sync, e);
}

void fl_memory_release(struct fl_memory *m)
{
	fl_tset_release(&m->old);
	fl_tset_release(&m->next);
}
