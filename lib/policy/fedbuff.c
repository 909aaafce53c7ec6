/* A buffer: every so many arrivals make a version. */
#include "policy/clock.h"

struct params {
	int64_t c;
};

static int run(const void *vp, struct fl_clock *c, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_flight f;
	int64_t buffered = 0;
	int rc = fl_clock_fill(c, e) ? -1 : 1;

	while (rc > 0 && !fl_clock_over(c) && (rc = fl_clock_next(c, 1, &f, e)) > 0) {
		if (!f.lost && fl_clock_tell(c, &f, (int64_t)fl_clock_version(c, 0) + 1, e))
			return -1;
		if (!f.lost && ++buffered == p->c) {
			fl_clock_advance(c, 0);
			buffered = 0;
		}
		if (fl_clock_fill(c, e))
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

static const struct fl_param params[] = {
	{ "c", FL_P_INT, offsetof(struct params, c), "10", 1, 4e9, NULL, "n", "arrivals a version" },
	{ .name = NULL }
};

const struct fl_pace fl_pace_fedbuff = {
	.e = {
		.name = "fedbuff",
		.title = "FedBuff",
		.cite = "Nguyen et al., AISTATS 2022, arXiv 2106.06639",
		.doc = "every so many arrivals make a version",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "arrivals fill a buffer of c, which then makes the next version; who arrives makes room "
		           "for the next client at once; c=1 is async",
	},
	.run = run,
};
