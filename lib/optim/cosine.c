/* Half a cosine from the rate to min times it over so many rounds, then min. */
#include "base/fmath.h"
#include "optim/schedule.h"

struct cosine {
	struct fl_warmup warm;
	int64_t rounds;
	double min;
};

static const struct fl_param params[] = {
	{ "rounds", FL_P_INT, offsetof(struct cosine, rounds), "100", 1, 1e9, NULL, "n",
	  "rounds from the first rate to the last" },
	{ "min", FL_P_REAL, offsetof(struct cosine, min), "0", 0, 1, NULL, "share",
	  "the last rate as a share of the first" },
	FL_WARMUP_PARAM,
	{ 0 }
};

static double factor(const void *pp, int64_t r)
{
	const struct cosine *p = pp;
	double t = r - 1 < p->rounds ? (double)(r - 1) / (double)p->rounds : 1;

	return p->min + (1 - p->min) * (1 + fl_cos2pi(t / 2)) / 2;
}

const struct fl_schedule fl_schedule_cosine = {
	.e = {
		.name = "cosine",
		.title = "cosine annealing",
		.cite = "Loshchilov and Hutter, ICLR 2017, arXiv 1608.03983",
		.doc = "half a cosine from the rate to its least",
		.params = params,
		.psize = sizeof(struct cosine),
		.formula = "lr_r = lr (min + (1 - min)(1 + cos(pi (r - 1)/rounds))/2) "
			   "min(1, r/warmup)",
	},
	.factor = factor,
};
