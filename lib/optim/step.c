/* The rate falls by a factor every so many rounds; every=1 is exponential decay. */
#include "base/fmath.h"
#include "optim/schedule.h"

struct step {
	struct fl_warmup warm;
	int64_t every;
	double gamma;
};

static const struct fl_param params[] = {
	{ "every", FL_P_INT, offsetof(struct step, every), "1", 1, 1e9, NULL, "n",
	  "rounds at one rate" },
	{ "gamma", FL_P_REAL, offsetof(struct step, gamma), "0.998", 0, 1, NULL, "gamma",
	  "factor from one rate to the next" },
	FL_WARMUP_PARAM,
	{ 0 }
};

static double factor(const void *pp, int64_t r)
{
	const struct step *p = pp;

	return fl_pow(p->gamma, (double)((r - 1) / p->every));
}

const struct fl_schedule fl_schedule_step = {
	.e = {
		.name = "step",
		.title = "step decay",
		.cite = "torch.optim.lr_scheduler.StepLR, with rounds for epochs",
		.doc = "the rate falls by a factor every so many rounds",
		.params = params,
		.psize = sizeof(struct step),
		.formula = "lr_r = lr gamma^floor((r - 1)/every) min(1, r/warmup)",
	},
	.factor = factor,
};
