/* Rounds in step: those whom the policy chooses start together, and the next version is made
 * when all have arrived, or the first so many, or time is up. */
#include <math.h>

#include "policy/clock.h"

struct params {
	int64_t first;
	double deadline;
};

/* The policy's choice for the round; how many start. */
static int start_round(struct fl_clock *c, struct fl_choice *k, size_t *started, struct fl_err *e)
{
	struct fl_mark mark = fl_arena_mark(k->arena);

	k->round = fl_clock_version(c, 0) + 1;
	if (fl_policy_pick(fl_clock_how(c)->policy, k, e))
		return -1;
	*started = 0;
	for (size_t i = 0; i < k->crowd->n; i++)
		if (k->in[i]) {
			(*started)++;
			if (fl_clock_start(c, (uint32_t)i, 0, 0, 0, 0, e))
				return -1;
		}
	fl_arena_rewind(k->arena, mark);
	return 0;
}

static int run_round(const struct params *p, struct fl_clock *c, size_t started, struct fl_err *e)
{
	size_t want = p->first != FL_UNSET && (size_t)p->first < started ? (size_t)p->first : started;
	struct fl_flight f;
	int rc = 0;

	if (isfinite(p->deadline) && fl_clock_bell(c, fl_clock_now(c) + p->deadline, 0, e))
		return -1;
	while (want && (rc = fl_clock_next(c, 0, &f, e)) > 0 && f.kind == FL_ARRIVES) {
		if (f.lost)
			continue;
		if (fl_clock_tell(c, &f, (int64_t)fl_clock_version(c, 0) + 1, e))
			return -1;
		want--;
	}
	if (rc < 0)
		return -1;
	if (fl_clock_now(c) >= fl_clock_how(c)->until)
		return 0;
	if (fl_clock_cut(c, e))
		return -1;
	fl_clock_advance(c, 0);
	return 0;
}

static int run(const void *p, struct fl_clock *c, struct fl_err *e)
{
	const struct fl_clock_how *h = fl_clock_how(c);
	struct fl_arena a = { .head = NULL };
	struct fl_choice k = { .crowd = h->crowd, .seed = h->seed, .arena = &a };
	size_t started;
	int rc = 0;

	if (!(k.in = fl_arena_zero(&a, h->crowd->n + 1, 1, e)) ||
	    !(k.chance = fl_arena_zero(&a, h->crowd->n + 1, sizeof *k.chance, e)))
		rc = -1;
	while (!rc && !fl_clock_over(c)) {
		if ((rc = start_round(c, &k, &started, e)))
			break;
		/* Nobody is there: the round takes a slot of time, and changes nothing. */
		if (!started) {
			struct fl_flight f;

			rc = fl_clock_bell(c, fl_clock_now(c) + h->slot, 0, e) ||
			     fl_clock_next(c, 0, &f, e) < 0;
			fl_clock_advance(c, 0);
		} else {
			rc = run_round(p, c, started, e);
		}
	}
	fl_arena_release(&a);
	return rc ? -1 : 0;
}

static const struct fl_param params[] = {
	{ "first", FL_P_INT, offsetof(struct params, first), NULL, 1, 4e9, NULL, "n",
	  "the round is over when so many have arrived" },
	{ "deadline", FL_P_REAL, offsetof(struct params, deadline), NULL, 1e-12, 1e15, NULL, "seconds",
	  "or when this time is up" },
	{ .name = NULL }
};

const struct fl_pace fl_pace_sync = {
	.e = {
		.name = "sync",
		.title = "synchronous rounds",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629; Bonawitz et al., MLSys 2019, arXiv "
		        "1902.01046 (more clients than are waited for)",
		.doc = "all start together, and all, or the first, are waited for",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "round t+1 begins when those of round t have arrived; who is late is stopped",
	},
	.rounds = 1,
	.run = run,
};
