/* FedCompass: clients get as many steps as let them arrive in groups, by what the server has
 * seen of their speed. */
#include <math.h>
#include <stdlib.h>

#include "policy/clock.h"

#define ALONE SIZE_MAX		/* tag of a client whose speed is not known yet */

struct params {
	int64_t qmin, qmax;
	double late, momentum;
};

/* Updates that wait for a version. */
struct fl_waiting {
	struct fl_flight *v;
	size_t n, cap;
};

struct fl_group {
	double expected, latest;	/* times */
	double fastest;			/* seconds a step of its fastest member */
	size_t away;			/* members who have not arrived */
	int open;
	struct fl_waiting arrived;
};

struct fl_compass {
	const struct params *p;
	struct fl_clock *c;
	double *speed;			/* (clients) seconds a step, as the server knows; NAN: not yet */
	struct fl_group *group;		/* (n) */
	size_t n, cap, first;		/* groups before first are closed */
	struct fl_waiting late;		/* for whichever version is next */
};

static int add_waiting(struct fl_waiting *w, const struct fl_flight *f, struct fl_err *e)
{
	if (fl_grow(&w->v, &w->cap, w->n + 1, sizeof *w->v, e))
		return -1;
	w->v[w->n++] = *f;
	return 0;
}

/* The open group that lets the client do the most steps, or ALONE. */
static size_t find_group(const struct fl_compass *s, double speed, double *steps)
{
	double now = fl_clock_now(s->c);
	size_t best = ALONE;

	*steps = 0;
	for (size_t g = s->first; g < s->n; g++) {
		double q = floor((s->group[g].expected - now) / speed);

		if (s->group[g].open && q >= (double)s->p->qmin && q <= (double)s->p->qmax &&
		    q > *steps) {
			*steps = q;
			best = g;
		}
	}
	return best;
}

/* Steps with which a new group meets the next arrival of an open one's fastest member, should
 * that do all it may: the most of all groups. */
static double choose_steps(const struct fl_compass *s, double speed)
{
	double now = fl_clock_now(s->c), most = -1, low = (double)s->p->qmin, high = (double)s->p->qmax;

	for (size_t g = s->first; g < s->n; g++) {
		double q = floor((s->group[g].expected + s->group[g].fastest * high - now) / speed);

		if (s->group[g].open && q <= high)
			most = fmax(most, q);
	}
	return most < 0 ? high : fmax(low, most);
}

/* The client starts, in a group. */
static int assign(struct fl_compass *s, uint32_t client, struct fl_err *e)
{
	double speed = s->speed[client], steps;
	size_t g = find_group(s, speed, &steps);

	if (g == ALONE) {
		double now = fl_clock_now(s->c);

		steps = choose_steps(s, speed);
		if (fl_grow(&s->group, &s->cap, s->n + 1, sizeof *s->group, e))
			return -1;
		g = s->n++;
		s->group[g] = (struct fl_group){ .expected = now + steps * speed,
			.latest = now + steps * speed * s->p->late, .fastest = speed, .open = 1 };
		if (fl_clock_bell(s->c, s->group[g].latest, g, e))
			return -1;
	}
	s->group[g].fastest = fmin(s->group[g].fastest, speed);
	s->group[g].away++;
	return fl_clock_start(s->c, client, 0, (uint64_t)steps, g, 0, e);
}

static int tell_all(struct fl_compass *s, const struct fl_waiting *w, struct fl_err *e)
{
	int64_t round = (int64_t)fl_clock_version(s->c, 0) + 1;

	for (size_t i = 0; i < w->n; i++)
		if (fl_clock_tell(s->c, &w->v[i], round, e))
			return -1;
	return 0;
}

/* The group's version, with what came too late for others; its members start again. */
static int close_group(struct fl_compass *s, size_t g, struct fl_err *e)
{
	struct fl_waiting w = s->group[g].arrived;
	int rc = 0;

	s->group[g].open = 0;
	s->group[g].arrived = (struct fl_waiting){ .v = NULL };
	while (s->first < s->n && !s->group[s->first].open)
		s->first++;
	if (!w.n)
		return 0;
	rc = tell_all(s, &s->late, e) || tell_all(s, &w, e) ? -1 : 0;
	s->late.n = 0;
	fl_clock_advance(s->c, 0);
	for (size_t i = 0; i < w.n && !rc && !fl_clock_over(s->c); i++)
		rc = assign(s, w.v[i].client, e);
	free(w.v);
	return rc;
}

/* What a client's first steps show makes a version by itself. */
static int arrive_alone(struct fl_compass *s, const struct fl_flight *f, struct fl_err *e)
{
	if (fl_clock_tell(s->c, f, (int64_t)fl_clock_version(s->c, 0) + 1, e))
		return -1;
	fl_clock_advance(s->c, 0);
	return fl_clock_over(s->c) ? 0 : assign(s, f->client, e);
}

/* A client whose update is lost begins again; its group does not wait for it. */
static int begin_again(struct fl_compass *s, const struct fl_flight *f, struct fl_err *e)
{
	struct fl_group *g;

	if (f->tag == ALONE)
		return fl_clock_start(s->c, f->client, 0, (uint64_t)s->p->qmin, ALONE, 0, e);
	g = &s->group[f->tag];
	g->away--;
	if (g->open && !g->away && close_group(s, f->tag, e))
		return -1;
	return fl_clock_over(s->c) ? 0 : assign(s, f->client, e);
}

static int arrive(struct fl_compass *s, const struct fl_flight *f, struct fl_err *e)
{
	double took = (f->time - f->start) / (double)f->steps, *speed = &s->speed[f->client];
	struct fl_group *g;

	if (f->lost)
		return begin_again(s, f, e);
	*speed = isnan(*speed) ? took : (1 - s->p->momentum) * *speed + s->p->momentum * took;
	if (f->tag == ALONE)
		return arrive_alone(s, f, e);
	g = &s->group[f->tag];
	g->away--;
	if (!g->open)
		return add_waiting(&s->late, f, e) || assign(s, f->client, e) ? -1 : 0;
	if (add_waiting(&g->arrived, f, e))
		return -1;
	return g->away ? 0 : close_group(s, f->tag, e);
}

/* Everybody does the least number of steps, so that speeds are known. */
static int start_all(struct fl_compass *s, struct fl_err *e)
{
	size_t n = fl_clock_how(s->c)->crowd->n;

	for (size_t i = 0; i < n; i++) {
		s->speed[i] = NAN;
		if (fl_clock_start(s->c, (uint32_t)i, 0, (uint64_t)s->p->qmin, ALONE, 0, e))
			return -1;
	}
	return 0;
}

static int run(const void *vp, struct fl_clock *c, struct fl_err *e)
{
	struct fl_compass s = { .p = vp, .c = c };
	struct fl_flight f;
	int rc;

	if (s.p->qmin > s.p->qmax)
		return fl_fail(e, FL_EUSAGE, "fedcompass: qmin=%lld is above qmax=%lld",
		               (long long)s.p->qmin, (long long)s.p->qmax);
	s.speed = fl_alloc(fl_clock_how(c)->crowd->n, sizeof *s.speed, e);
	rc = s.speed && !start_all(&s, e) ? 1 : -1;
	while (rc > 0 && !fl_clock_over(c) && (rc = fl_clock_next(c, 0, &f, e)) > 0)
		if (f.kind == FL_ARRIVES ? arrive(&s, &f, e) :
		    s.group[f.tag].open && close_group(&s, f.tag, e))
			rc = -1;
	for (size_t g = 0; g < s.n; g++)
		free(s.group[g].arrived.v);
	free(s.group);
	free(s.late.v);
	free(s.speed);
	return rc < 0 ? -1 : 0;
}

static const struct fl_param params[] = {
	{ "qmin", FL_P_INT, offsetof(struct params, qmin), "20", 1, 1e12, NULL, "n", "steps of a client at least" },
	{ "qmax", FL_P_INT, offsetof(struct params, qmax), "100", 1, 1e12, NULL, "n", "and at most" },
	{ "late", FL_P_REAL, offsetof(struct params, late), "1.5", 1, 1e6, NULL, "x",
	  "a group waits this much longer than it expects to" },
	{ "momentum", FL_P_REAL, offsetof(struct params, momentum), "0.9", 0, 1, NULL, "x",
	  "weight of the newest measurement of a speed" },
	{ .name = NULL }
};

const struct fl_pace fl_pace_fedcompass = {
	.e = {
		.name = "fedcompass",
		.title = "FedCompass",
		.cite = "Li et al., ICLR 2024, arXiv 2309.14675",
		.doc = "steps by speed, so that clients arrive in groups",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "an arriving client of s seconds a step joins the group of expected time T with the most "
		           "steps q = floor((T - now)/s), qmin <= q <= qmax, or else opens one with q from "
		           "floor((T + qmax s_fastest - now)/s) of the open groups, qmax where there is none; a "
		           "group makes a version when all are there or at now + late q s; who is later goes into "
		           "the next version",
		.note = "All clients begin with qmin steps, whose updates make a version each. A group's fastest "
		        "member is that of all who joined it.",
	},
	.run = run,
};
