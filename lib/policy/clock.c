#include "policy/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"

const struct fl_family fl_family_pace = {
	.name = "pace", .list = fl_pace_list, .doc = "when the server makes the next version",
};

#define DRAWS 64	/* tries for a client who is there, before all are looked at */

struct fl_clock {
	const struct fl_clock_how *how;
	size_t n;			/* clients */
	struct fl_flight *heap;		/* (flights) by time and order */
	size_t flights, cap;
	size_t away;			/* clients under way */
	double now;
	uint64_t order, *version;	/* (models) */
	uint32_t models;
	uint32_t *idle, *where;		/* (idles) clients; (n) their places there, or UINT32_MAX */
	size_t idles, asked;		/* the first `asked` of them were not there in this slot */
	uint32_t *starts;		/* (n) so far */
	const double *step, *steps, *down, *up, *jitter;	/* (n) or NULL */
	struct fl_presence presence;
	size_t most;			/* clients under way at most */
	int everybody;			/* all who are there are under way */
	double wake;			/* when availability is looked at again; INFINITY: never */
	struct fl_rng rng;		/* of draws */
	struct fl_arena arena;
};

/* --- a heap of what is to come --- */

static int is_earlier(const struct fl_flight *a, const struct fl_flight *b)
{
	return a->time < b->time || (!(a->time > b->time) && a->order < b->order);
}

static int push_flight(struct fl_clock *c, struct fl_flight f, struct fl_err *e)
{
	size_t i = c->flights;

	if (fl_grow(&c->heap, &c->cap, c->flights + 1, sizeof *c->heap, e))
		return -1;
	for (c->flights++; i && is_earlier(&f, &c->heap[(i - 1) / 2]); i = (i - 1) / 2)
		c->heap[i] = c->heap[(i - 1) / 2];
	c->heap[i] = f;
	return 0;
}

static struct fl_flight pop_flight(struct fl_clock *c)
{
	struct fl_flight first = c->heap[0], f = c->heap[--c->flights];
	size_t i = 0, k;

	for (; (k = 2 * i + 1) < c->flights; i = k) {
		if (k + 1 < c->flights && is_earlier(&c->heap[k + 1], &c->heap[k]))
			k++;
		if (!is_earlier(&c->heap[k], &f))
			break;
		c->heap[i] = c->heap[k];
	}
	c->heap[i] = f;
	return first;
}

/* --- who is idle --- */

static void make_idle(struct fl_clock *c, uint32_t client)
{
	c->where[client] = (uint32_t)c->idles;
	c->idle[c->idles++] = client;
}

static void take_idle(struct fl_clock *c, uint32_t client)
{
	uint32_t last = c->idle[--c->idles], at = c->where[client];

	c->idle[at] = last;
	c->where[last] = at;
	c->where[client] = UINT32_MAX;
}

static uint64_t slot_of(const struct fl_clock *c)
{
	return 1 + (uint64_t)(c->now / c->how->slot);
}

static int is_there(const struct fl_clock *c, uint32_t client)
{
	return !c->presence.there ||
	       c->presence.there(&c->presence, client, c->how->seed, slot_of(c));
}

uint32_t fl_clock_draw(struct fl_clock *c)
{
	size_t first;

	if (!c->idles)
		return (uint32_t)c->n;
	for (int i = 0; i < DRAWS; i++) {
		uint32_t client = c->idle[fl_rng_below(&c->rng, c->idles)];

		if (is_there(c, client))
			return client;
	}
	first = (size_t)fl_rng_below(&c->rng, c->idles);
	for (size_t i = 0; i < c->idles; i++)
		if (is_there(c, c->idle[(first + i) % c->idles]))
			return c->idle[(first + i) % c->idles];
	return (uint32_t)c->n;
}

/* --- starts --- */

int fl_clock_start(struct fl_clock *c, uint32_t client, uint32_t model, uint64_t steps, size_t tag,
                   int halfway, struct fl_err *e)
{
	const struct fl_clock_how *h = c->how;
	struct fl_flight f = { .order = c->order++, .client = client, .model = model, .tag = tag,
		.version = c->version[model], .fresh = FL_CLOCK_NONE, .start = c->now };
	double sent = c->down ? h->bytes / c->down[client] : 0, slow = 1;
	struct fl_rng rng;

	f.up = c->up ? h->bytes / c->up[client] : 0;
	f.steps = steps ? steps : c->steps ? (uint64_t)c->steps[client] : (uint64_t)h->steps;
	fl_rng_init(&rng, h->seed, c->starts[client]++, (uint64_t)h->crowd->id[client],
	            FL_RNG_CLOCK, 0);
	if (c->jitter)
		slow += c->jitter[client] * -fl_log(fl_rng_open(&rng));
	f.lost = fl_rng_real(&rng) < h->dropout;
	f.seconds = (double)f.steps * c->step[client] * slow;
	f.kind = halfway ? FL_HALFWAY : FL_ARRIVES;
	f.time = c->now + sent + (halfway ? f.seconds / 2 : f.seconds + f.up);
	take_idle(c, client);
	c->away++;
	return push_flight(c, f, e);
}

/* Idle clients who are there start. Those who are not are asked again in the next slot. */
static int start_present(struct fl_clock *c, struct fl_err *e)
{
	for (size_t i = c->idles; i-- > c->asked;)	/* taking one moves the last, which has been asked */
		if (is_there(c, c->idle[i]) && fl_clock_start(c, c->idle[i], 0, 0, 0, 0, e))
			return -1;
	c->asked = c->idles;
	c->wake = c->idles ? (double)slot_of(c) * c->how->slot : INFINITY;
	return 0;
}

int fl_clock_fill(struct fl_clock *c, struct fl_err *e)
{
	if (c->everybody)
		return start_present(c, e);
	while (c->away < c->most) {
		uint32_t client = fl_clock_draw(c);

		if (client == c->n)
			break;
		if (fl_clock_start(c, client, 0, 0, 0, 0, e))
			return -1;
	}
	return 0;
}

int fl_clock_bell(struct fl_clock *c, double time, size_t tag, struct fl_err *e)
{
	return push_flight(c, (struct fl_flight){ .time = time, .order = c->order++, .kind = FL_RINGS,
	                                          .tag = tag }, e);
}

/* --- time --- */

int fl_clock_next(struct fl_clock *c, int slots, struct fl_flight *f, struct fl_err *e)
{
	while (c->flights || (slots && isfinite(c->wake))) {
		if (slots && c->wake <= c->how->until &&
		    (!c->flights || c->wake <= c->heap[0].time)) {
			c->now = c->wake;
			c->asked = 0;
			if (start_present(c, e))
				return -1;
			continue;
		}
		if (!c->flights || c->heap[0].time > c->how->until) {
			c->now = c->how->until;
			return 0;
		}
		*f = pop_flight(c);
		c->now = f->time;
		if (f->kind == FL_RINGS)
			return 1;
		if (f->kind == FL_HALFWAY) {
			f->fresh = c->version[f->model];
			f->kind = FL_ARRIVES;
			f->time += f->seconds / 2 + f->up;
			if (push_flight(c, *f, e))
				return -1;
			continue;
		}
		c->away--;
		make_idle(c, f->client);
		return f->lost && fl_clock_tell(c, f, FL_CLOCK_LOST, e) ? -1 : 1;
	}
	return 0;
}

int fl_clock_cut(struct fl_clock *c, struct fl_err *e)
{
	while (c->flights) {
		struct fl_flight f = pop_flight(c);

		if (f.kind == FL_RINGS)
			continue;
		c->away--;
		make_idle(c, f.client);
		f.time = c->now;
		if (fl_clock_tell(c, &f, FL_CLOCK_LOST, e))
			return -1;
	}
	return 0;
}

int fl_clock_tell(struct fl_clock *c, const struct fl_flight *f, int64_t round, struct fl_err *e)
{
	return c->how->sink(c->how->ctx, f, round, e);
}

void fl_clock_advance(struct fl_clock *c, uint32_t model)
{
	c->version[model]++;
}

const struct fl_clock_how *fl_clock_how(const struct fl_clock *c)
{
	return c->how;
}

double fl_clock_now(const struct fl_clock *c)
{
	return c->now;
}

uint64_t fl_clock_version(const struct fl_clock *c, uint32_t model)
{
	return c->version[model];
}

int fl_clock_over(const struct fl_clock *c)
{
	uint32_t done = 0;

	for (uint32_t m = 0; m < c->models; m++)
		done += c->how->rounds != FL_UNSET && c->version[m] >= (uint64_t)c->how->rounds;
	return c->now >= c->how->until || done == c->models;
}

/* --- beginning --- */

/* v(n) of a field of numbers of at least low; 0 where there is none and it need not be. */
static int take_speeds(const struct fl_crowd *crowd, const char *name, int need, double low,
                       const double **v, struct fl_err *e)
{
	struct fl_err none;

	*v = fl_crowd_get(crowd, name, "--clock", need ? e : &none);
	if (!*v)
		return need ? -1 : 0;
	for (size_t i = 0; i < crowd->n; i++)
		if (!((*v)[i] >= low && (*v)[i] < 1e300))
			return fl_fail(e, FL_EDATA,
			               "--clock: client %" PRId64
			               ": '%s' is %g, must be at least %g",
			               crowd->id[i], name, (*v)[i], low);
	return 0;
}

static int take_times(struct fl_clock *c, struct fl_err *e)
{
	const struct fl_crowd *crowd = c->how->crowd;

	if (take_speeds(crowd, "step", 1, 1e-12, &c->step, e) ||
	    take_speeds(crowd, "steps", c->how->steps == FL_UNSET, 1, &c->steps, e) ||
	    take_speeds(crowd, "down", 0, 1e-12, &c->down, e) || take_speeds(crowd, "up", 0, 1e-12, &c->up, e) ||
	    take_speeds(crowd, "jitter", 0, 0, &c->jitter, e))
		return -1;
	return 0;
}

/* Who is under way: of a policy with a size so many, of one by presence all who are there. */
static int take_policy(struct fl_clock *c, const struct fl_pace *pace, struct fl_err *e)
{
	const struct fl_policy *p = (const struct fl_policy *)c->how->policy->entry;

	c->most = c->n;
	if (pace->rounds)
		return 0;
	if (p->presence) {
		c->everybody = 1;
		return p->presence(c->how->policy->p, c->how->crowd, c->how->seed, &c->arena,
		                   &c->presence, e);
	}
	if (!p->size)
		return fl_fail(e, FL_EUSAGE,
		               "pace %s takes clients one by one: a policy that chooses a whole "
		               "round, such as %s, goes with pace sync; uniform, all and those of "
		               "coming and "
		               "going go with any",
		               pace->e.name, p->e.name);
	c->most = p->size(c->how->policy->p, c->n);
	return 0;
}

static int begin(struct fl_clock *c, const struct fl_clock_how *how, const struct fl_pace *pace,
                 const void *p, struct fl_err *e)
{
	*c = (struct fl_clock){ .how = how, .n = how->crowd->n, .wake = INFINITY,
		.models = pace->models ? (uint32_t)pace->models(p) : 1, .presence = { .crowd = how->crowd } };
	if (!c->n || c->n >= UINT32_MAX)
		return fl_fail(e, FL_EDATA, "--clock: %zu clients", c->n);
	if (take_times(c, e) || take_policy(c, pace, e) ||
	    !(c->version = fl_arena_zero(&c->arena, c->models, sizeof *c->version, e)) ||
	    !(c->idle = fl_arena_get(&c->arena, c->n, sizeof *c->idle, e)) ||
	    !(c->where = fl_arena_get(&c->arena, c->n, sizeof *c->where, e)) ||
	    !(c->starts = fl_arena_zero(&c->arena, c->n, sizeof *c->starts, e)))
		return -1;
	for (size_t i = c->n; i-- > 0;)	/* so that they first start by ascending ids */
		make_idle(c, (uint32_t)i);
	fl_rng_init(&c->rng, how->seed, 0, 0, FL_RNG_CLOCK, 1);
	return 0;
}

int fl_clock_run(const struct fl_clock_how *how, const struct fl_spec *pace, struct fl_err *e)
{
	const struct fl_pace *w = (const struct fl_pace *)pace->entry;
	struct fl_clock c;
	int rc = begin(&c, how, w, pace->p, e) || w->run(pace->p, &c, e) ? -1 : 0;

	if (!rc && !c.order)
		rc = fl_fail(e, FL_EDATA, "--clock: nobody is there before the end of time");
	free(c.heap);
	fl_arena_release(&c.arena);
	return rc;
}
