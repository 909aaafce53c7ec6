/* The family of schedules, and what they share: warm-up. */
#include "optim/schedule.h"

const struct fl_family fl_family_schedule = {
	.name = "schedule", .list = fl_schedule_list, .doc = "the learning rate over rounds",
};

double fl_schedule_factor(const struct fl_spec *s, int64_t round)
{
	const struct fl_schedule *f = (const struct fl_schedule *)s->entry;
	const struct fl_warmup *warm = s->p;

	if (!f)
		return 1;
	return f->factor(s->p, round) *
	       (round < warm->rounds ? (double)round / (double)warm->rounds : 1);
}
