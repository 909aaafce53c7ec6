/* One direction of measuring. */
#include "retrieve/way.h"

#include <string.h>

#include "base/log.h"

int fl_way_begin(struct fl_way *m, const struct fl_measure_how *how, size_t G,
                      struct fl_arena *a, struct fl_err *e)
{
	const struct fl_truth *t = &m->truth;
	const struct fl_specs *k = &how->metric;
	size_t P = t->first[t->Q], *depth;

	m->G = G;
	m->stand = (struct fl_stand){ .first = t->first, .row = t->row };
	if (fl_rank_check(k->v, how->asked, t->first, t->Q, G, e) ||
	    !(depth = fl_arena_zero(a, t->Q, sizeof *depth, e)) ||
	    !(m->stand.score = fl_arena_zero(a, P, sizeof *m->stand.score, e)) ||
	    !(m->stand.above = fl_arena_zero(a, P, sizeof *m->stand.above, e)) ||
	    !(m->stand.level = fl_arena_zero(a, P, sizeof *m->stand.level, e)) ||
	    !(m->stand.before = fl_arena_zero(a, P, sizeof *m->stand.before, e)))
		return -1;
	/* hit@1 is always wanted, for uncertainty */
	for (size_t q = 0; q < t->Q; q++) {
		depth[q] = fl_rank_depth(k->v, k->n, t->first[q + 1] - t->first[q], G);
		depth[q] = depth[q] ? depth[q] : 1;
	}
	m->stand.depth = depth;
	return 0;
}

static struct fl_standing standing_of(const struct fl_way *m)
{
	return (struct fl_standing){ m->stand.above, m->stand.level, m->stand.before };
}

static int set_places(struct fl_way *m, enum fl_ties ties, struct fl_arena *a,
                      struct fl_err *e)
{
	const struct fl_truth *t = &m->truth;
	const struct fl_standing s = standing_of(m);
	size_t P = t->first[t->Q];
	uint32_t *best, *worst;

	if (!(m->place = fl_arena_zero(a, P, sizeof *m->place, e)) ||
	    !(best = fl_arena_zero(a, P, sizeof *best, e)) ||
	    !(worst = fl_arena_zero(a, P, sizeof *worst, e)))
		return -1;
	fl_rank_places(t->first, t->Q, &s, FL_TIES_OPTIMISTIC, best);
	fl_rank_places(t->first, t->Q, &s, FL_TIES_PESSIMISTIC, worst);
	fl_rank_places(t->first, t->Q, &s, ties, m->place);
	m->tied = fl_rank_tied(t->first, t->Q, best, worst);
	return 0;
}

static int set_values(struct fl_way *m, const struct fl_measure_how *how, struct fl_arena *a,
                      struct fl_err *e)
{
	const struct fl_specs *k = &how->metric;
	struct fl_places p = {
		.Q = m->truth.Q, .G = m->G, .first = m->truth.first, .place = m->place,
		.grade = m->truth.grade, .Z = how->Z, .stand = standing_of(m), .ties = how->ties,
	};

	if (!(m->value = fl_arena_zero(a, k->n, sizeof *m->value, e)))
		return -1;
	for (size_t i = 0; i < k->n; i++)
		if (fl_rank_measure(&k->v[i], &p, &m->value[i], NULL, e))
			return -1;
	return 0;
}

/* u and y: hit@1 against uncertainty, of the queries that have a positive. */
static int pair_doubts(struct fl_way *m, const double *own, const double *other,
                       const struct fl_top *top, struct fl_arena *a, struct fl_err *e)
{
	const struct fl_truth *t = &m->truth;

	if (!(m->u = fl_arena_zero(a, t->Q, sizeof *m->u, e)) ||
	    !(m->y = fl_arena_zero(a, t->Q, sizeof *m->y, e)))
		return -1;
	for (size_t q = 0; q < t->Q; q++) {
		if (t->first[q] == t->first[q + 1] || (!own && !top->count[q]))
			continue;
		m->u[m->answered] = own ? own[q] : other[top->hit[q * top->k].row];
		m->y[m->answered++] = m->place[t->first[q]] == 0;
	}
	return 0;
}

static int set_doubt(struct fl_way *m, const struct fl_measure_how *how, const char *prefix,
                     struct fl_err *e)
{
	if (m->answered < how->bins)
		fl_say(FL_LOG_WARN,
		       "%s%zu answers do not fill %zu bins, so nothing is said over bins; "
		       "--bins takes fewer",
		       prefix, m->answered, how->bins);
	if (fl_doubt(m->u, m->y, m->answered, how->bins, &m->doubt, NULL, e))
		return -1;
	if (!how->boot.resamples)
		return 0;
	return fl_doubt_interval(m->u, m->y, m->answered, how->bins, &how->boot, &m->lo, &m->hi, e);
}

int fl_way_end(struct fl_way *m, const struct fl_measure_how *how, const char *name,
                    const double *own, const double *other, const struct fl_top *top,
                    struct fl_arena *a, struct fl_err *e)
{
	int reverse = !strcmp(name, "reverse");

	if (set_places(m, how->ties, a, e) || set_values(m, how, a, e))
		return -1;
	fl_say(FL_LOG_INFO,
	       "%s: %zu positives of %zu queries, %zu without one passed over; ties %s, "
	       "%zu queries depend on it",
	       name, m->truth.first[m->truth.Q], m->truth.Q, m->truth.skipped,
	       fl_ties_name[how->ties], m->tied);
	if (!own && (!other || !top->k))
		return 0;
	return pair_doubts(m, own, other, top, a, e) ||
	       set_doubt(m, how, reverse ? "reverse: " : "", e) ? -1 : 0;
}
