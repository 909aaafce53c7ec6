/* Recorded availability: a file says who is there when. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "table/lines.h"

struct params {
	const char *file;
	double period;
};

/* There in rounds start <= t < end. */
struct fl_stay {
	size_t client;		/* its place in the crowd */
	double start, end;
};

struct fl_trace {
	struct fl_stay *stay;	/* (n) by client, then start; in an arena */
	size_t n, cap, *first;	/* first(clients+1) */
	double period;		/* 0: none */
};

static int by_client(const void *pa, const void *pb)
{
	const struct fl_stay *a = pa, *b = pb;

	if (a->client != b->client)
		return a->client < b->client ? -1 : 1;
	return (a->start > b->start) - (a->start < b->start);
}

/* A row: client and round, or client, start and end. */
static int take_row(struct fl_trace *t, const struct fl_crowd *c, const struct fl_lines *l,
                    struct fl_err *e)
{
	struct fl_stay s;
	double id, round;
	int there = fl_lines_number(l, "client", &id, e), rounds;

	if (there <= 0)
		return there ? -1 : fl_lines_lacks(l, "client", e);
	if ((rounds = fl_lines_number(l, "round", &round, e)) < 0)
		return -1;
	s.start = round;
	s.end = round + 1;
	if (!rounds && (fl_lines_number(l, "start", &s.start, e) <= 0 ||
	                fl_lines_number(l, "end", &s.end, e) <= 0))
		return fl_lines_fail(l, e,
		                     "want numbers 'client' and 'round', or 'client', 'start' and "
		                     "'end'");
	if (!(s.start <= s.end))
		return fl_lines_fail(l, e, "ends at %g, before its start %g", s.end, s.start);
	if (!(id >= 0 && id < 0x1p53) || (s.client = fl_crowd_find(c, (int64_t)id)) == c->n)
		return 0;
	if (fl_grow(&t->stay, &t->cap, t->n + 1, sizeof *t->stay, e))
		return -1;
	t->stay[t->n++] = s;
	return 0;
}

/* Overlapping stays of a client become one, so that starts and ends both ascend. */
static void merge_stays(struct fl_trace *t)
{
	size_t kept = 0;

	qsort(t->stay, t->n, sizeof *t->stay, by_client);
	for (size_t i = 0; i < t->n; i++) {
		struct fl_stay *before = kept ? &t->stay[kept - 1] : NULL, *s = &t->stay[i];

		if (!before || before->client != s->client || before->end < s->start)
			t->stay[kept++] = *s;
		else
			before->end = fmax(before->end, s->end);
	}
	t->n = kept;
}

static int read_trace(struct fl_trace *t, const struct fl_crowd *c, const char *file, struct fl_err *e)
{
	struct fl_lines l;
	int rc = fl_lines_open(&l, file, e);

	while (!rc && (rc = fl_lines_next(&l, e)) > 0)
		rc = take_row(t, c, &l, e);
	fl_lines_release(&l);
	return rc;
}

static int is_there(const struct fl_presence *s, size_t i, uint64_t seed, uint64_t round)
{
	const struct fl_trace *t = s->more;
	size_t low = t->first[i], high = t->first[i + 1];
	double at = (double)round;

	(void)seed;
	if (t->period > 0)
		at = fmod(at, t->period);
	while (low < high) {	/* the first stay that ends after now */
		size_t middle = low + (high - low) / 2;

		if (t->stay[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < t->first[i + 1] && t->stay[low].start <= at;
}

static double be_certain(const struct fl_presence *s, size_t i, uint64_t round)
{
	return is_there(s, i, 0, round);
}

static int fill(const void *vp, const struct fl_crowd *c, uint64_t seed, struct fl_arena *a,
                struct fl_presence *s, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_trace *t = fl_arena_zero(a, 1, sizeof *t, e), read = { .period = p->period };
	int rc;

	(void)seed;
	if (!t)
		return -1;
	if (!p->file)
		return fl_fail(e, FL_EUSAGE, "policy trace wants file=FILE");
	rc = read_trace(&read, c, p->file, e);
	if (!rc)
		merge_stays(&read);
	*t = read;
	if (rc || !(t->stay = fl_arena_get(a, read.n + 1, sizeof *t->stay, e)) ||
	    !(t->first = fl_arena_zero(a, c->n + 1, sizeof *t->first, e)))
		rc = -1;
	if (!rc && read.n)
		memcpy(t->stay, read.stay, read.n * sizeof *read.stay);
	for (size_t i = 0; i < read.n && !rc; i++)
		t->first[read.stay[i].client + 1]++;
	for (size_t i = 0; i < c->n && !rc; i++)
		t->first[i + 1] += t->first[i];
	free(read.stay);
	s->more = t;
	s->there = is_there;
	s->known = be_certain;
	return rc;
}

static const struct fl_param params[] = {
	{ "file", FL_P_PATH, offsetof(struct params, file), NULL, 0, 0, NULL, "file",
	  "rows of client and round, or of client, start and end" },
	{ "period", FL_P_REAL, offsetof(struct params, period), "0", 0, 1e15, NULL, "n",
	  "the file is of this many rounds, over and over; 0: once" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_trace = {
	.e = {
		.name = "trace",
		.title = "recorded availability",
		.cite = "Lai et al., FedScale, ICML 2022, arXiv 2105.11367",
		.doc = "as a file says who is there when",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "there in rounds start <= t < end, or in the rounds that are named; with a period, at t "
		           "mod period; P is 1 or 0",
	},
	.presence = fill,
};
