/* FedExP: the server's step is longer, the more clients' updates differ.
 *
 *   w <- w - rate g,   rate = max(1, mean |u_k|^2 / (2 (|g|^2 + eps)))
 *
 * with g the clients' mean pseudo-gradient: the mean of projections onto convex sets that are
 * extrapolated. Norms leave out extras and running statistics. */
#include "base/log.h"
#include "fed/server/server.h"
#include "fed/share.h"

struct params {
	double eps;
	int weight;
};

static const struct fl_param table[] = {
	{ "eps", FL_P_REAL, offsetof(struct params, eps), "0.001", 0, 1e300, NULL, "eps",
	  "added to the square norm of the mean" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0, fl_share_name, "kind",
	  "what an update counts in both means: its training examples, or one" },
	{ 0 }
};

enum { WEIGHT, SQUARES };	/* sums of the fold */
enum { RATE };			/* tmp */

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;

	(void)e;
	out->s[WEIGHT] = out->w = fl_share_of(p->weight, in->u);
	out->s[SQUARES] = out->w * (in->u->norm * in->u->norm);
	return 0;
}

static int look(const void *pp, struct fl_server_round *r, struct fl_server_part *part, size_t n,
                struct fl_err *e)
{
	const struct params *p = pp;
	double square = p->eps, rate;

	(void)e;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; !part[i].added && j < part[i].t->n; j++)
			square += part[i].g[j] * part[i].g[j];
	rate = square > 0 ? r->s[SQUARES] / r->s[WEIGHT] / (2 * square) : 1;
	r->tmp[RATE] = rate > 1 ? rate : 1;
	fl_say(FL_LOG_INFO, "fedexp: rate %g", r->tmp[RATE]);
	return 0;
}

static void apply(const void *pp, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	(void)pp;
	(void)vec;
	for (size_t i = 0; i < n; i++)
		w[i] -= r->tmp[RATE] * g[i];
}

static const struct fl_fold weighing = {
	.needs = FL_NEED_NORM,
	.mean = 1,
	.fold = fold,
	.finish = fl_fold_mean,
};

const struct fl_server fl_server_fedexp = {
	.e = {
		.name = "fedexp",
		.title = "FedExP",
		.cite = "Jhunjhunwala et al., ICLR 2023, arXiv 2301.09604",
		.doc = "a longer step, the more clients' updates differ",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "w = w - rate g; rate = max(1, mean |u_k|^2 / (2 (|g|^2 + eps)))",
		.note = "The authors' code multiplies eps by the number of clients of the round, and they "
			"test the mean of the two last models, which st-cat and a script can form.",
	},
	.fold = &weighing,
	.look = look,
	.apply = apply,
};
