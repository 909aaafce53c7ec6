/* FedASMU: at a fixed beat some more clients start; every arrival that is not too old makes a
 * version, and clients ask for the newest model halfway through. */
#include "policy/clock.h"

struct params {
	double period;
	int64_t m, stale;
};

/* The k-th beat: m clients start who are there and idle. */
static int beat(const struct params *p, struct fl_clock *c, uint64_t k, struct fl_err *e)
{
	for (int64_t i = 0; i < p->m; i++) {
		uint32_t client = fl_clock_draw(c);

		if (client == fl_clock_how(c)->crowd->n)
			break;
		if (fl_clock_start(c, client, 0, 0, 0, 1, e))
			return -1;
	}
	return fl_clock_bell(c, (double)(k + 1) * p->period, 0, e);
}

static int run(const void *vp, struct fl_clock *c, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_flight f;
	uint64_t beats = 0;
	int rc = beat(p, c, beats++, e) ? -1 : 1;

	while (rc > 0 && !fl_clock_over(c) && (rc = fl_clock_next(c, 0, &f, e)) > 0) {
		uint64_t version = fl_clock_version(c, 0);
		int old = version - f.version + 1 > (uint64_t)p->stale;

		if (f.lost)
			continue;
		if (f.kind == FL_RINGS ? beat(p, c, beats++, e) :
		    fl_clock_tell(c, &f, old ? FL_CLOCK_LOST : (int64_t)version + 1, e))
			return -1;
		if (f.kind == FL_ARRIVES && !old)
			fl_clock_advance(c, 0);
	}
	return rc < 0 ? -1 : 0;
}

static const struct fl_param params[] = {
	{ "period", FL_P_REAL, offsetof(struct params, period), "10", 1e-9, 1e15, NULL, "seconds",
	  "between beats" },
	{ "m", FL_P_INT, offsetof(struct params, m), "10", 1, 4e9, NULL, "n", "clients that start at a beat" },
	{ "stale", FL_P_INT, offsetof(struct params, stale), "99", 1, 1e15, NULL, "n",
	  "an update older than so many versions is lost" },
	{ .name = NULL }
};

const struct fl_pace fl_pace_fedasmu = {
	.e = {
		.name = "fedasmu",
		.title = "FedASMU",
		.cite = "Liu et al., AAAI 2024, arXiv 2312.05770",
		.doc = "clients start at a beat, and look at the newest model halfway",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "at k period, k = 0, 1, ..., m idle clients start; an arrival at version t that started "
		           "from o goes into t+1 where t - o + 1 <= stale, else it is lost",
		.note = "Clients ask for a fresh model in the middle of their steps, where the paper learns when to.",
	},
	.run = run,
};
