/* FedAsync: the model moves towards what a client has trained, the less, the later it comes.
 *
 *   w <- (1 - alpha_k) w + alpha_k w_k,   alpha_k = alpha s(age_k)
 *   s = 1;  (age + 1)^-a;  or 1 up to age b and then 1 / (a (age - b) + 1)
 *
 * Of several at once the mean of their moves is taken. w_k is what the client trained, from
 * whatever model: its update is taken from that model on (fl-aggregate --stale, --history). With
 * updates as they are in place of models, this is FedBuff of as many as a call has:
 *
 *   w <- w + alpha / K sum_k s(age_k) u_k
 *
 * Running statistics are mixed as the rest of a model is; those of updates are combined as a
 * mean. */
#include "base/fmath.h"
#include "fed/agg/agg.h"

enum of { MODEL, UPDATE };
enum decay { CONSTANT, POLY, HINGE };

struct params {
	double alpha, a, b;
	int of, decay;
};

static const char *const ofs[] = { "model", "update", NULL };
static const char *const decays[] = { "const", "poly", "hinge", NULL };

static const struct fl_param table[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "0.6", 0, 1, NULL, "a",
	  "share of what a client trained, where it is not late" },
	{ "decay", FL_P_ENUM, offsetof(struct params, decay), "poly", 0, 0, decays, "how",
	  "how it falls with the rounds that an update is late" },
	{ "a", FL_P_REAL, offsetof(struct params, a), "0.5", 0, 1e6, NULL, "a",
	  "how fast: poly's power, hinge's slope" },
	{ "b", FL_P_REAL, offsetof(struct params, b), "4", 0, 1e15, NULL, "rounds",
	  "hinge: rounds that do not count" },
	{ "of", FL_P_ENUM, offsetof(struct params, of), "model", 0, 0, ofs, "what",
	  "what is mixed: the models that clients trained, or their updates" },
	{ 0 }
};

static double staleness(const struct params *p, double age)
{
	if (p->decay == POLY)
		return fl_pow(age + 1, -p->a);
	return p->decay == HINGE && age > p->b ? 1 / (p->a * (age - p->b) + 1) : 1;
}

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;

	(void)e;
	out->w = p->alpha * staleness(p, (double)(in->round - in->u->round));
	out->s[0] = 1;
	return 0;
}

static int rebase(const void *p)
{
	return ((const struct params *)p)->of == MODEL;
}

const struct fl_rule fl_rule_fedasync = {
	.e = {
		.name = "fedasync",
		.title = "FedAsync, FedBuff",
		.cite = "Xie et al., 2019, arXiv 1903.03934; Nguyen et al., AISTATS 2022, arXiv 2106.06639",
		.doc = "late models or updates count less",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = mean_k alpha s(age_k) (w_k - w); s = 1, (age+1)^-a or hinge",
		.note = "FedAsync has one client a call; of more, the mean of the moves is taken. FedBuff is "
			"of=update,alpha=1 with decay=poly, a=0.5: K clients a call, and -S sgd:lr=... for its "
			"server's rate.",
	},
	.fold = { .mean = 1, .rebase = rebase, .fold = fold, .finish = fl_fold_mean },
};
