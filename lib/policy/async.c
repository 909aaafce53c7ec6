/* Every arrival makes a version. */
#include "policy/clock.h"

static int run(const void *p, struct fl_clock *c, struct fl_err *e)
{
	struct fl_flight f;
	int rc = fl_clock_fill(c, e) ? -1 : 1;

	(void)p;
	while (rc > 0 && !fl_clock_over(c) && (rc = fl_clock_next(c, 1, &f, e)) > 0) {
		if (!f.lost) {
			if (fl_clock_tell(c, &f, (int64_t)fl_clock_version(c, 0) + 1, e))
				return -1;
			fl_clock_advance(c, 0);
		}
		if (fl_clock_fill(c, e))
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

const struct fl_pace fl_pace_async = {
	.e = {
		.name = "async",
		.title = "FedAsync",
		.cite = "Xie et al., arXiv 1903.03934",
		.doc = "every arrival makes a version",
		.formula = "an update that arrives at version v goes into v+1; the next client starts from that",
		.aka = "fedasync",
	},
	.run = run,
};
