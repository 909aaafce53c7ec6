/* Rows of clients and their summary, as numbers. */
#include "eval/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

const struct fl_report_spread fl_report_spread[FL_REPORT_SPREAD] = {
	{ "", offsetof(struct fl_spread, weighted) },
	{ "_mean", offsetof(struct fl_spread, mean) },
	{ "_var", offsetof(struct fl_spread, var) },
	{ "_std", offsetof(struct fl_spread, std) },
	{ "_min", offsetof(struct fl_spread, min) },
	{ "_max", offsetof(struct fl_spread, max) },
	{ "_worst10", offsetof(struct fl_spread, worst10) },
	{ "_worst20", offsetof(struct fl_spread, worst20) },
	{ "_worst30", offsetof(struct fl_spread, worst30) },
	{ "_best10", offsetof(struct fl_spread, best10) },
	{ "_jain", offsetof(struct fl_spread, jain) },
	{ "_gini", offsetof(struct fl_spread, gini) },
	{ "_entropy", offsetof(struct fl_spread, entropy) },
	{ "_cos", offsetof(struct fl_spread, cos) },
};

static double *field_of(struct fl_spread *s, size_t field)
{
	return (double *)(void *)((char *)s + fl_report_spread[field].off);
}

/* --- clients --- */

/* Whether something is made of all clients' examples together. */
static int is_pooled(const struct fl_panel *p)
{
	for (size_t m = 0; m < p->n; m++)
		if (fl_panel_pools(p, m))
			return 1;
	return p->confusion;
}

/* The first client's counts and rooms are those of all so far. */
static int pool_first(struct fl_report *r, struct fl_measured *m, struct fl_err *e)
{
	size_t cells;

	r->C = m->C;
	r->rooms = m->arena;
	r->pool = m->ctx;
	m->arena = (struct fl_arena){ 0 };
	m->ctx = NULL;
	for (size_t i = 0; i < r->panel->n; i++)
		r->pool[i].arena = &r->rooms;
	if (!m->counts)
		return 0;
	if (fl_eval_cells(r->panel, m->C, &cells, e) ||
	    !(r->counts = fl_alloc(cells, sizeof *r->counts, e)))
		return -1;
	memcpy(r->counts, m->counts, cells * sizeof *r->counts);
	return 0;
}

static int pool_next(struct fl_report *r, const struct fl_measured *m, struct fl_err *e)
{
	const struct fl_panel *p = r->panel;
	size_t cells;

	if (m->C != r->C)
		return fl_fail(e, FL_EDATA, "model of client %" PRId64 ": %zu classes, others have %zu",
		               m->client, m->C, r->C);
	for (size_t i = 0; i < p->n; i++) {
		const struct fl_metric *f = fl_panel_metric(p, i);

		if (f->pool && f->pool(p->spec[i].p, &r->pool[i], &m->ctx[i], e))
			return fl_fail_in(e, "metric %s", p->name[i]);
		r->pool[i].n += m->ctx[i].n;
	}
	if (!m->counts)
		return 0;
	if (fl_eval_cells(p, m->C, &cells, e))
		return -1;
	for (size_t i = 0; i < cells; i++)
		r->counts[i] += m->counts[i];
	return 0;
}

static int copy_text(struct fl_report *r, const char **to, const char *text, struct fl_err *e)
{
	*to = text ? fl_arena_str(&r->arena, text, e) : NULL;
	return text && !*to ? -1 : 0;
}

int fl_report_add(struct fl_report *r, struct fl_measured *m, struct fl_err *e)
{
	struct fl_report_row row = {
		.client = m->client, .round = m->round, .n = m->n, .order = r->n, .unsaid = m->unsaid, .C = m->C,
	};
	int rc = fl_grow(&r->row, &r->cap, r->n + 1, sizeof *r->row, e);

	memcpy(row.v, m->v, sizeof row.v);
	if (!rc && !(rc = copy_text(r, &row.name, m->name, e) || copy_text(r, &row.split, m->split, e)) &&
	    is_pooled(r->panel))
		rc = r->pool ? pool_next(r, m, e) : pool_first(r, m, e);
	if (!rc) {
		if (r->panel->confusion) {
			row.counts = m->counts;
			m->counts = NULL;
		}
		r->named |= row.name != NULL;
		r->row[r->n++] = row;
	}
	fl_measured_release(m);
	return rc ? -1 : 0;
}

void fl_report_release(struct fl_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->row[i].counts);
	free(r->row);
	free(r->counts);
	fl_arena_release(&r->rooms);
	fl_arena_release(&r->arena);
	*r = (struct fl_report){ .panel = r->panel };
}

/* --- summary --- */

static int by_client(const void *va, const void *vb)
{
	const struct fl_report_row *a = va, *b = vb;

	if (a->client != b->client)
		return a->client < b->client ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static int sort_rows(struct fl_report *r, struct fl_err *e)
{
	if (r->n)
		qsort(r->row, r->n, sizeof *r->row, by_client);
	for (size_t i = 1; i < r->n; i++)
		if (r->row[i].client >= 0 && r->row[i].client == r->row[i - 1].client)
			return fl_fail(e, FL_EDATA, "client %" PRId64 " occurs twice", r->row[i].client);
	return 0;
}

/* The value of all clients' examples together. */
static int pool_value(struct fl_report *r, size_t m, double *v, struct fl_err *e)
{
	const struct fl_panel *p = r->panel;
	struct fl_metric_ctx *c = &r->pool[m];
	int rc;

	c->counts = fl_eval_counts(r->counts, p->of[m], r->C);
	rc = fl_panel_metric(p, m)->end(p->spec[m].p, c, v, e);
	if (rc > 0)
		*v = NAN;
	return rc < 0 ? fl_fail_in(e, "metric %s", p->name[m]) : 0;
}

/* Over the K clients whose examples say metric m; v, n: (K) room. */
static int summarise_metric(struct fl_report *r, size_t m, double *v, double *n,
                            struct fl_err *e)
{
	const struct fl_metric *f = fl_panel_metric(r->panel, m);
	size_t K = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->row[i].unsaid >> m & 1)
			continue;
		v[K] = r->row[i].v[m];
		n[K++] = (double)r->row[i].n;
	}
	if (K < r->n)
		fl_say(FL_LOG_WARN, "metric %s: %zu of %zu clients have no example that says it: its "
		       "statistics are over the others", r->panel->name[m], r->n - K, r->n);
	if (K && fl_spread(v, n, K, f->higher_is_better, &r->spread[m], e))
		return -1;
	return fl_panel_pools(r->panel, m) ? pool_value(r, m, &r->spread[m].weighted, e) : 0;
}

int fl_report_finish(struct fl_report *r, struct fl_err *e)
{
	double *v = fl_alloc(r->n ? r->n : 1, sizeof *v, e);
	double *n = fl_alloc(r->n ? r->n : 1, sizeof *n, e);
	int rc = v && n ? sort_rows(r, e) : -1;

	/* Nothing is known of no client at all. */
	for (size_t m = 0; m < r->panel->n; m++)
		for (size_t f = 0; f < FL_REPORT_SPREAD; f++)
			*field_of(&r->spread[m], f) = NAN;
	for (size_t m = 0; !rc && r->n && m < r->panel->n; m++)
		rc = summarise_metric(r, m, v, n, e);
	free(v);
	free(n);
	return rc;
}

double fl_report_value(const struct fl_report *r, size_t metric, size_t field)
{
	return *(const double *)(const void *)((const char *)&r->spread[metric] +
	                                       fl_report_spread[field].off);
}

static int same_split(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

struct fl_report_row fl_report_overall(const struct fl_report *r)
{
	struct fl_report_row all = { .client = -1, .round = -1 };

	if (r->n) {
		all.round = r->row[0].round;
		all.split = r->row[0].split;
	}
	for (size_t i = 0; i < r->n; i++) {
		all.n += r->row[i].n;
		if (r->row[i].round != all.round)
			all.round = -1;
		if (!same_split(r->row[i].split, all.split))
			all.split = NULL;
	}
	return all;
}

/* --- fields by name --- */

static int is_name(const char *want, const char *name, size_t n)
{
	return strlen(want) == n && !strncmp(want, name, n);
}

static int find_metric(const struct fl_report *r, const char *name, size_t n, double *v)
{
	for (size_t m = 0; m < r->panel->n; m++) {
		size_t len = strlen(r->panel->name[m]);

		if (n < len || strncmp(name, r->panel->name[m], len))
			continue;
		for (size_t f = 0; f < FL_REPORT_SPREAD; f++)
			if (is_name(fl_report_spread[f].suffix, name + len, n - len)) {
				*v = fl_report_value(r, m, f);
				return 0;
			}
	}
	return -1;
}

int fl_report_field(const struct fl_report *r, const char *name, size_t n, double *v)
{
	struct fl_report_row all = fl_report_overall(r);

	if (is_name("n", name, n))
		*v = (double)all.n;
	else if (is_name("clients", name, n))
		*v = (double)r->n;
	else if (is_name("round", name, n))
		*v = all.round < 0 ? NAN : (double)all.round;
	else
		return find_metric(r, name, n, v);
	return 0;
}
