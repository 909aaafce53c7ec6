/* Places of positives, and what all ranking metrics share. */
#include "metric/rank.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metric/topk.h"

const struct fl_family fl_family_rmetric = {
	.name = "rmetric", .list = fl_rmetric_list, .doc = "what is measured of a ranking",
	.noun = "ranking metric",
};

const char *const fl_ties_name[] = { "index", "optimistic", "pessimistic", NULL };

/* --- places --- */

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* place(R) ascends; equal ones are positives of one score. Makes them different:
 * counted up from the first place of the ties, or up to the last. */
static void spread_out(uint32_t *place, size_t R, int up_to_last)
{
	for (size_t i = 0, n; i < R; i += n) {
		for (n = 1; i + n < R && place[i + n] == place[i]; n++)
			;
		if (place[i] == FL_PLACE_FAR)
			return;
		for (size_t j = 0; up_to_last && j < n; j++)
			place[i + j] -= (uint32_t)(n - 1 - j);
		for (size_t j = 0; !up_to_last && j < n; j++)
			place[i + j] += (uint32_t)j;
	}
}

void fl_rank_places(const size_t *first, size_t Q, const struct fl_standing *s,
                    enum fl_ties ties, uint32_t *place)
{
	for (size_t i = 0; i < first[Q]; i++) {
		place[i] = s->above[i];
		if (place[i] != FL_PLACE_FAR && ties != FL_TIES_OPTIMISTIC)
			place[i] += ties == FL_TIES_INDEX ? s->before[i] : s->level[i];
	}
	for (size_t q = 0; q < Q; q++) {
		uint32_t *v = place + first[q];
		size_t R = first[q + 1] - first[q];

		if (R > 1)
			qsort(v, R, sizeof *v, ascending);
		if (ties != FL_TIES_INDEX)
			spread_out(v, R, ties == FL_TIES_PESSIMISTIC);
	}
}

size_t fl_rank_tied(const size_t *first, size_t Q, const uint32_t *a, const uint32_t *b)
{
	size_t n = 0;

	for (size_t q = 0; q < Q; q++)
		n += memcmp(a + first[q], b + first[q], (first[q + 1] - first[q]) * sizeof *a) != 0;
	return n;
}

/* --- the first k places --- */

const struct fl_param fl_topk_params[] = {
	{ "k", FL_P_INT, offsetof(struct fl_topk, k), "10", 1, 1e9, NULL, "n", "places looked at" },
	{ 0 }
};

size_t fl_topk_depth(const void *p, size_t R)
{
	(void)R;
	return (size_t)((const struct fl_topk *)p)->k;
}

size_t fl_topk_found(const uint32_t *place, size_t R, size_t k)
{
	size_t n = 0;

	while (n < R && place[n] < k)
		n++;
	return n;
}

double fl_topk_precision(const void *p, const uint32_t *place, size_t R)
{
	(void)p;
	return (double)fl_topk_found(place, R, R) / (double)R;
}

size_t fl_topk_all(const void *p, size_t R)
{
	(void)p;
	return R;
}

/* --- metrics --- */

static const struct fl_rmetric *metric_of(const struct fl_spec *m)
{
	return (const struct fl_rmetric *)m->entry;
}

char *fl_rank_name(const struct fl_spec *m, char name[FL_RANK_NAME_MAX])
{
	struct fl_str v = FL_STR_INIT;

	if (m->entry->params)
		fl_param_print(m->entry->params, m->p, &v);
	snprintf(name, FL_RANK_NAME_MAX, "%s%s%s", m->entry->name, v.len ? "@" : "", fl_str_c(&v));
	fl_str_release(&v);
	return name;
}

size_t fl_rank_depth(const struct fl_spec *m, size_t n, size_t R, size_t G)
{
	size_t most = 0;

	for (size_t i = 0; i < n; i++) {
		const struct fl_rmetric *f = metric_of(&m[i]);
		size_t depth = f->depth ? f->depth(m[i].p, R) : G;

		most = depth > most ? depth : most;
	}
	return most < G ? most : G;
}

/* The places that m looks at, whatever the query; 0: as many as there are. */
static size_t places_of(const struct fl_spec *m)
{
	const struct fl_rmetric *f = metric_of(m);

	return f->depth ? f->depth(m->p, 1) : 0;
}

int fl_rank_check_needs(const struct fl_spec *m, size_t n, unsigned has, struct fl_err *e)
{
	for (size_t i = 0; i < n; i++) {
		unsigned lacks = metric_of(&m[i])->needs & ~has;

		if (lacks & FL_RANK_GRADES)
			return fl_fail(e, FL_EUSAGE, "%s wants --truth attributes",
			               m[i].entry->name);
		if (lacks & FL_RANK_BOTH)
			return fl_fail(e, FL_EUSAGE, "%s adds up both directions: --both",
			               m[i].entry->name);
	}
	return 0;
}

int fl_rank_check(const struct fl_spec *m, size_t n, const size_t *first, size_t Q, size_t G,
                  struct fl_err *e)
{
	char name[FL_RANK_NAME_MAX];

	if (!first[Q])
		return fl_fail(e, FL_EDATA, "no query has a positive");
	for (size_t i = 0; i < n; i++)
		if (places_of(&m[i]) > G)
			return fl_fail(e, FL_EDATA,
			               "%s looks at %zu places, the gallery has %zu rows",
			               fl_rank_name(&m[i], name), places_of(&m[i]), G);
	return 0;
}

static double mean(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return sum / (double)n;
}

/* Of positives that are all alike. */
static int measure_plain(const struct fl_spec *m, const struct fl_places *p, double *value,
                         double *each, struct fl_err *e)
{
	const struct fl_rmetric *f = metric_of(m);
	size_t n = 0;
	int far = places_of(m) > p->G;
	double *v;

	if (fl_rank_check(NULL, 0, p->first, p->Q, p->G, e) || !(v = fl_alloc(p->Q, sizeof *v, e)))
		return -1;
	for (size_t q = 0; q < p->Q; q++) {
		size_t R = p->first[q + 1] - p->first[q];
		double x = R && !far ? f->query(m->p, p->place + p->first[q], R) : NAN;

		if (R)
			v[n++] = x;
		if (each)
			each[q] = x;
	}
	*value = far ? NAN : f->over ? f->over(v, n) : mean(v, n);
	free(v);
	return 0;
}

/* --- graded positives --- */

struct graded {
	size_t *first;				/* (Q+1) */
	uint32_t *above, *level, *before, *place;	/* (P) */
	double *each, *sum, *n;		/* (Q) of one grade; over grades: sum, and of how many */
	double total, count;			/* of all queries and grades */
	struct fl_arena arena;
};

static int get_graded(struct graded *g, const struct fl_places *p, struct fl_err *e)
{
	size_t P = p->first[p->Q];

	return (g->first = fl_arena_zero(&g->arena, p->Q + 1, sizeof *g->first, e)) &&
	       (g->above = fl_arena_get(&g->arena, P, sizeof *g->above, e)) &&
	       (g->level = fl_arena_get(&g->arena, P, sizeof *g->level, e)) &&
	       (g->before = fl_arena_get(&g->arena, P, sizeof *g->before, e)) &&
	       (g->place = fl_arena_get(&g->arena, P, sizeof *g->place, e)) &&
	       (g->sum = fl_arena_zero(&g->arena, p->Q, sizeof *g->sum, e)) &&
	       (g->n = fl_arena_zero(&g->arena, p->Q, sizeof *g->n, e)) &&
	       (g->each = fl_arena_get(&g->arena, p->Q, sizeof *g->each, e)) ? 0 : -1;
}

/* Adds the values of the queries whose positives are those of grade up to z. */
static int add_grade(struct graded *g, const struct fl_spec *m, const struct fl_places *p,
                     unsigned z, struct fl_err *e)
{
	struct fl_standing some = { g->above, g->level, g->before };
	struct fl_places here = { .Q = p->Q, .G = p->G, .first = g->first, .place = g->place };
	size_t n = 0;
	double mean;

	for (size_t q = 0; q < p->Q; q++) {
		for (size_t i = p->first[q]; i < p->first[q + 1]; i++) {
			if (p->grade[i] > z)
				continue;
			g->above[n] = p->stand.above[i];
			g->level[n] = p->stand.level[i];
			g->before[n++] = p->stand.before[i];
		}
		g->first[q + 1] = n;
	}
	if (!n)
		return 0;
	fl_rank_places(g->first, p->Q, &some, p->ties, g->place);
	if (measure_plain(m, &here, &mean, g->each, e))
		return -1;
	for (size_t q = 0; q < p->Q; q++)
		if (!isnan(g->each[q])) {
			g->total += g->each[q];
			g->count++;
			g->sum[q] += g->each[q];
			g->n[q]++;
		}
	return 0;
}

static int measure_graded(const struct fl_spec *m, const struct fl_places *p, double *value,
                          double *each, struct fl_err *e)
{
	struct graded g = { .total = 0 };
	int rc = fl_rank_check(NULL, 0, p->first, p->Q, p->G, e) || get_graded(&g, p, e) ? -1 : 0;

	for (unsigned z = 0; z <= p->Z && !rc; z++)
		rc = add_grade(&g, m, p, z, e);
	*value = g.total / g.count;
	for (size_t q = 0; each && !rc && q < p->Q; q++)
		each[q] = g.sum[q] / g.n[q];
	fl_arena_release(&g.arena);
	return rc;
}

int fl_rank_measure(const struct fl_spec *m, const struct fl_places *p, double *value,
                    double *each, struct fl_err *e)
{
	return (metric_of(m)->needs & FL_RANK_GRADES ? measure_graded : measure_plain)(m, p, value,
	                                                                               each, e);
}
