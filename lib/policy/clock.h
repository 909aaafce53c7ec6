/* Virtual time: clients that start from a version of the model, work as long as their speed
 * says, and arrive. The family `pace` says when the server makes the next version of what
 * has arrived.
 *
 * Client i takes bytes/down_i + steps step_i (1 + jitter_i E) + bytes/up_i seconds, E ~ Exp(1)
 * drawn for each of its starts. What happens at one time happens in the order of starts. */
#ifndef FL_POLICY_CLOCK_H
#define FL_POLICY_CLOCK_H

#include "policy/policy.h"

#define FL_CLOCK_LOST (-1)	/* as a round: the update counts for nothing */
#define FL_CLOCK_NONE UINT64_MAX

enum fl_flight_kind { FL_ARRIVES, FL_HALFWAY, FL_RINGS };

/* A client under way, or a bell that the pace has set. */
struct fl_flight {
	double time;		/* of what comes next */
	uint64_t order;		/* of starts and bells */
	enum fl_flight_kind kind;
	uint32_t client, model;	/* client: its place in the crowd */
	uint64_t version;	/* it started from */
	uint64_t fresh;		/* newest one it asked for halfway, or FL_CLOCK_NONE */
	uint64_t steps;
	double start, seconds;	/* seconds: of its steps alone */
	double up;		/* seconds of sending */
	size_t tag;		/* the pace's own */
	int lost;		/* what arrives is no update, only its client is idle again */
};

/* One update, in the order of rounds: the version it goes into, or FL_CLOCK_LOST. */
typedef int fl_clock_sink(void *ctx, const struct fl_flight *f, int64_t round, struct fl_err *e);

struct fl_clock_how {
	const struct fl_crowd *crowd;	/* with "step", and perhaps "steps", "down", "up", "jitter" */
	const struct fl_spec *policy;	/* who may start */
	uint64_t seed;
	double bytes, until, slot, dropout;	/* slot: seconds that a round of availability lasts */
	int64_t rounds, steps;		/* FL_UNSET: no end; of each client its own */
	fl_clock_sink *sink;
	void *ctx;
};

struct fl_clock;

struct fl_pace {
	struct fl_entry e;
	int rounds;		/* the policy is asked once a round, and may be any */
	int64_t (*models)(const void *p);	/* NULL: one */
	/* Runs until fl_clock_over(). */
	int (*run)(const void *p, struct fl_clock *c, struct fl_err *e);
};

/* Runs the pace and gives every update to the sink. FL_EUSAGE where the pace cannot go with the
 * policy, FL_EDATA where the crowd lacks speeds or nobody ever starts. */
int fl_clock_run(const struct fl_clock_how *how, const struct fl_spec *pace, struct fl_err *e);

/* --- for paces --- */

const struct fl_clock_how *fl_clock_how(const struct fl_clock *c);
double fl_clock_now(const struct fl_clock *c);
uint64_t fl_clock_version(const struct fl_clock *c, uint32_t model);
/* Time is up, or there are as many versions (of every model) as were asked for. */
int fl_clock_over(const struct fl_clock *c);
/* Client starts now from the newest version; steps 0: as many as it does. tag: kept. halfway:
 * asks for the newest version in the middle of its steps. */
int fl_clock_start(struct fl_clock *c, uint32_t client, uint32_t model, uint64_t steps, size_t tag,
                   int halfway, struct fl_err *e);
/* As many idle clients start as the policy has under way: those who are there, or so many drawn
 * from all. */
int fl_clock_fill(struct fl_clock *c, struct fl_err *e);
/* An idle client drawn from those who are there; the crowd's n: none. */
uint32_t fl_clock_draw(struct fl_clock *c);
/* A bell at that time. */
int fl_clock_bell(struct fl_clock *c, double time, size_t tag, struct fl_err *e);
/* What happens next, and time is then: an arrival, whose client is idle again, or a bell. 1; 0
 * nothing, or nothing before the end of time. An update that is lost has been told of. slots:
 * clients who come at a slot's beginning start by themselves. */
int fl_clock_next(struct fl_clock *c, int slots, struct fl_flight *f, struct fl_err *e);
/* Tells of an update; the next version of a model is made. */
int fl_clock_tell(struct fl_clock *c, const struct fl_flight *f, int64_t round, struct fl_err *e);
void fl_clock_advance(struct fl_clock *c, uint32_t model);
/* Sends everybody home: for paces that cut a round off now. Each is told of as lost. */
int fl_clock_cut(struct fl_clock *c, struct fl_err *e);

extern const struct fl_entry *const fl_pace_list[];
extern const struct fl_family fl_family_pace;

#endif
