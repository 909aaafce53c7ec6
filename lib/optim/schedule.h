/* Learning rate over rounds: a factor for a round, the same for all its steps, so
 * that methods which divide by the rate stay right. */
#ifndef FL_OPTIM_SCHEDULE_H
#define FL_OPTIM_SCHEDULE_H

#include "base/spec.h"

/* Parameter blocks begin with it. */
struct fl_warmup {
	int64_t rounds;
};
#define FL_WARMUP_PARAM                                                                  \
	{ "warmup", FL_P_INT, offsetof(struct fl_warmup, rounds), "0", 0, 1e9, NULL, "n", \
	  "rounds over which the rate rises from zero, beside the rest" }

struct fl_schedule {
	struct fl_entry e;
	/* Factor of round r, from 1, without warm-up. */
	double (*factor)(const void *p, int64_t r);
};

extern const struct fl_entry *const fl_schedule_list[];
extern const struct fl_family fl_family_schedule;

/* factor(r) min(1, r/warmup); 1 where s->entry is NULL. */
double fl_schedule_factor(const struct fl_spec *s, int64_t round);

#endif
