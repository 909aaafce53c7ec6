/* A fixed beat: every dt seconds, what has arrived makes a version. */
#include "policy/clock.h"

struct params {
	double dt;
};

static int run(const void *vp, struct fl_clock *c, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_flight f;
	uint64_t beat = 1;
	int64_t arrived = 0;
	int rc = fl_clock_fill(c, e) || fl_clock_bell(c, p->dt, 0, e) ? -1 : 1;

	while (rc > 0 && !fl_clock_over(c) && (rc = fl_clock_next(c, 0, &f, e)) > 0) {
		if (f.kind == FL_ARRIVES) {
			arrived += !f.lost;
			if (!f.lost && fl_clock_tell(c, &f, (int64_t)fl_clock_version(c, 0) + 1, e))
				return -1;
			continue;
		}
		if (arrived)
			fl_clock_advance(c, 0);
		arrived = 0;
		/* The k-th beat is at k dt, not at a sum of rounded ones. */
		if (fl_clock_over(c) || fl_clock_fill(c, e) ||
		    fl_clock_bell(c, (double)++beat * p->dt, 0, e))
			return fl_clock_over(c) ? 0 : -1;
	}
	return rc < 0 ? -1 : 0;
}

static const struct fl_param params[] = {
	{ "dt", FL_P_REAL, offsetof(struct params, dt), "1", 1e-9, 1e15, NULL, "seconds", "between versions" },
	{ .name = NULL }
};

const struct fl_pace fl_pace_fedfix = {
	.e = {
		.name = "fedfix",
		.title = "FedFix",
		.cite = "Fraboni et al., JMLR 24 (2023), arXiv 2206.10189",
		.doc = "at a fixed beat, what has arrived makes a version",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "at k dt, k = 1, 2, ..., what arrived since the beat before makes the next version, if "
		           "anything did; who arrived starts again then; dt >= the slowest is sync with all",
	},
	.run = run,
};
