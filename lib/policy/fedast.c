/* FedAST: several models trained by the same clients at once, a buffer each. */
#include "policy/clock.h"

struct params {
	int64_t models, active, c;
};

static int64_t count_models(const void *p)
{
	return ((const struct params *)p)->models;
}

/* An idle client starts on the model. */
static int start_one(struct fl_clock *c, uint32_t model, struct fl_err *e)
{
	uint32_t client = fl_clock_draw(c);

	if (client == fl_clock_how(c)->crowd->n)
		return fl_fail(e, FL_EDATA,
		               "fedast: at %g s nobody is idle for model %u: models=, active= and "
		               "availability ask for more clients than there are",
		               fl_clock_now(c), model);
	return fl_clock_start(c, client, model, 0, 0, 0, e);
}

static int start_all(const struct params *p, struct fl_clock *c, struct fl_err *e)
{
	for (int64_t i = 0; i < p->active * p->models; i++)
		if (start_one(c, (uint32_t)(i % p->models), e))
			return -1;
	return 0;
}

static int run(const void *vp, struct fl_clock *c, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_arena a = { .head = NULL };
	int64_t *buffered = fl_arena_zero(&a, (size_t)p->models, sizeof *buffered, e);
	struct fl_flight f;
	int rc = buffered && !start_all(p, c, e) ? 1 : -1;

	while (rc > 0 && !fl_clock_over(c) && (rc = fl_clock_next(c, 0, &f, e)) > 0) {
		if (!f.lost && fl_clock_tell(c, &f, (int64_t)fl_clock_version(c, f.model) + 1, e)) {
			rc = -1;
			break;
		}
		if (!f.lost && ++buffered[f.model] == p->c) {
			fl_clock_advance(c, f.model);
			buffered[f.model] = 0;
		}
		if (start_one(c, f.model, e))
			rc = -1;
	}
	fl_arena_release(&a);
	return rc < 0 ? -1 : 0;
}

static const struct fl_param params[] = {
	{ "models", FL_P_INT, offsetof(struct params, models), "2", 1, 1e6, NULL, "n", "how many" },
	{ "active", FL_P_INT, offsetof(struct params, active), "10", 1, 1e9, NULL, "n",
	  "clients under way a model" },
	{ "c", FL_P_INT, offsetof(struct params, c), "5", 1, 1e9, NULL, "n", "arrivals a version" },
	{ .name = NULL }
};

const struct fl_pace fl_pace_fedast = {
	.e = {
		.name = "fedast",
		.title = "FedAST",
		.cite = "Askin et al., UAI 2024, arXiv 2406.00302",
		.doc = "several models at once, each with a buffer of its own",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "model m has `active` clients under way, and every c arrivals make its next version; who "
		           "arrives is followed by an idle client, drawn uniformly, on the same model; models=1 is "
		           "fedbuff",
		.note = "Clients are shared out evenly: the paper's other way follows the variance of updates, "
		        "which a clock does not know.",
	},
	.models = count_models,
	.run = run,
};
