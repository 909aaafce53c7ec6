/* Who takes part in a round: the family `policy`. Choices depend on the seed, the round and the
 * clients alone. */
#ifndef FL_POLICY_POLICY_H
#define FL_POLICY_POLICY_H

#include "base/rng.h"
#include "base/spec.h"
#include "policy/crowd.h"

/* What is drawn, by the generator (seed, round, client, FL_RNG_SELECT, this). */
enum fl_drawn { FL_DRAWN_POLICY, FL_DRAWN_DROPOUT, FL_DRAWN_STRAGGLER, FL_DRAWN_LABELS, FL_DRAWN_PHASE };

/* Clients who come and go each for itself: whether one is there in a round does not depend on
 * others, nor on whether other rounds were asked for. */
struct fl_presence {
	int (*there)(const struct fl_presence *s, size_t i, uint64_t seed, uint64_t round);
	const struct fl_crowd *crowd;
	double (*known)(const struct fl_presence *s, size_t i, uint64_t round);	/* NULL: chance[i] */
	const double *chance;	/* (n) probability of being there, in any round */
	double lambda;		/* markov.c: the chain's second eigenvalue */
	uint64_t period;	/* cyclic.c: in rounds */
	const void *more;	/* an entry's own */
};

struct fl_choice {
	const struct fl_crowd *crowd;
	uint64_t seed, round;	/* round: from 1 */
	unsigned char *in;	/* (n) out: 1 where chosen; zeroed before */
	/* (n) out: probability of being chosen in this round, over seeds; NAN where no formula
	 * says it, as it is before. */
	double *chance;
	struct fl_arena *arena;
};

struct fl_policy {
	struct fl_entry e;
	/* Either, for clients each for itself: fills *s, whose arrays are in a. FL_EDATA where the
	 * crowd lacks what is needed, FL_EUSAGE for values that do not go together. */
	int (*presence)(const void *p, const struct fl_crowd *c, uint64_t seed, struct fl_arena *a,
	                struct fl_presence *s, struct fl_err *e);
	/* Or, where the choice is of all together. */
	int (*pick)(const void *p, struct fl_choice *k, struct fl_err *e);
	/* How many are chosen of n; NULL: as it comes. */
	size_t (*size)(const void *p, size_t n);
};

/* Runs the policy. */
int fl_policy_pick(const struct fl_spec *policy, struct fl_choice *k, struct fl_err *e);

/* Whether chosen client i is lost before it answers. */
int fl_policy_drops(const struct fl_choice *k, size_t i, double dropout);
/* Steps of client i: all of them, or of a straggler 1 to all, each with the same chance (Li et
 * al., FedProx, MLSys 2020). */
uint64_t fl_policy_steps(const struct fl_choice *k, size_t i, double stragglers, uint64_t steps);

/* For entries. */
/* The generator of client's draws in a round; of draws for all clients: client 0, another sub. */
void fl_policy_rng(struct fl_rng *r, uint64_t seed, uint64_t round, int64_t client,
                   enum fl_drawn what);
/* v(n) in a: the numbers of field by of the crowd, or p each where by is NULL. FL_EDATA for
 * what is no probability; who: for messages. */
const double *fl_policy_chances(const struct fl_crowd *c, const char *by, double p, const char *who,
                                struct fl_arena *a, struct fl_err *e);
/* k, or the share of n, at least 1; more than n is n, and a word is said. */
size_t fl_policy_count(int64_t k, double share, size_t n);
/* order(n) of 0..n-1 in random order for this seed and round; in the pick's arena. */
uint32_t *fl_policy_shuffled(const struct fl_choice *k, uint64_t round, struct fl_err *e);

/* The three ways of coming and going: s->crowd and s->chance are set. */
int fl_bernoulli_there(const struct fl_presence *s, size_t i, uint64_t seed, uint64_t round);
int fl_markov_there(const struct fl_presence *s, size_t i, uint64_t seed, uint64_t round);
int fl_cyclic_there(const struct fl_presence *s, size_t i, uint64_t seed, uint64_t round);
/* FL_EUSAGE for a lambda that no chain with these chances has. */
int fl_markov_check(const struct fl_presence *s, struct fl_err *e);
/* The chance that whole rounds of the period make of p. */
double fl_cyclic_chance(uint64_t period, double p);

extern const struct fl_entry *const fl_policy_list[];
extern const struct fl_family fl_family_policy;

#endif
