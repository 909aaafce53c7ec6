/* The optimiser's own rate in every round. */
#include "optim/schedule.h"

static const struct fl_param params[] = {
	FL_WARMUP_PARAM,
	{ 0 }
};

static double factor(const void *p, int64_t r)
{
	(void)p;
	(void)r;
	return 1;
}

const struct fl_schedule fl_schedule_constant = {
	.e = {
		.name = "constant",
		.title = "constant rate",
		.cite = "Goyal et al., 2017, arXiv 1706.02677 (warm-up)",
		.doc = "the same rate in every round",
		.params = params,
		.psize = sizeof(struct fl_warmup),
		.formula = "lr_r = lr min(1, r/warmup)",
	},
	.factor = factor,
};
