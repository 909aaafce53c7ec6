/* FedStale: the last update h_k of every client stands in for those who are away.
 *
 *   u = sum_here a_k/p_k (u_k - beta h_k) + beta sum_all a_k h_k,   h_k <- u_k of those here
 *
 * with a_k the share of client k among all clients and p_k how probable it is that it comes;
 * h_k = 0 before its first update. beta = 0 is the mean by inverse probabilities, beta = 1
 * FedVARP; that with p_k = 1 is MIFA, the mean of all last updates. Clients that were never here
 * are unknown to the server: all clients are those seen so far, or what denominator says. */
#include <math.h>

#include "fed/agg/agg.h"
#include "fed/share.h"

enum p { COUNT, SHARE, ONE };

struct params {
	double beta;
	int p;
	struct fl_mean_params mean;
};

static const char *const ps[] = { "count", "share", "one", NULL };

static const struct fl_param table[] = {
	{ "beta", FL_P_REAL, offsetof(struct params, beta), "0.5", 0, 1, NULL, "b",
	  "what last updates count" },
	{ "p", FL_P_ENUM, offsetof(struct params, p), "count", 0, 0, ps, "how",
	  "p_k: rounds it came in of those so far, share of clients here, or 1" },
	{ "weight", FL_P_ENUM, offsetof(struct params, mean.weight), "examples", 0, 0, fl_share_name,
	  "kind", "what a_k is a share of: training examples, or clients" },
	{ "denominator", FL_P_REAL, offsetof(struct params, mean.denominator), NULL, 1e-300, 1e300,
	  NULL, "sum", "that of all clients, seen or not; unset: of those seen so far" },
	{ 0 }
};

enum { CAME = FL_KEPT_ROWS, NROW };	/* rounds that a client came in */

static int fold(const void *pp, const struct fl_fold_in *in, struct fl_fold_out *out,
                struct fl_err *e)
{
	const struct params *p = pp;
	double came = 1 + (in->row ? in->row[CAME] : 0);
	double by = p->p == COUNT ? (double)in->rounds / came : 1;

	(void)e;
	out->keep = fl_share_of(p->mean.weight, in->u);
	out->w = by * out->keep;
	out->back = in->row ? -p->beta * by * in->row[FL_KEPT_WEIGHT] : 0;
	out->s[0] = out->keep;
	out->row[CAME] = came;
	return 0;
}

static int mix(const void *pp, const struct fl_fold_all *a, double *here, double *kept,
               struct fl_err *e)
{
	const struct params *p = pp;
	double all = isnan(p->mean.denominator) ? a->kept : p->mean.denominator;

	(void)e;
	*here = p->p == SHARE ? (double)a->N / (all * (double)a->K) : 1 / all;
	*kept = p->beta / all;
	return 0;
}

const struct fl_rule fl_rule_fedstale = {
	.e = {
		.name = "fedstale",
		.title = "FedStale",
		.cite = "Rodio, Neglia, ECAI 2024, arXiv 2405.04171",
		.doc = "last updates of all clients stand in for those who are away",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum_here a_k/p_k (u_k - beta h_k) + beta sum_all a_k h_k; h_k = last u_k",
		.note = "beta=0 is the mean by inverse probabilities. FedVARP (Jhunjhunwala et al., UAI 2022) "
			"is beta=1,p=share,weight=uniform, MIFA (Gu et al., NeurIPS 2021) beta=1,p=one. The "
			"paper's p_k are known or estimated; here they are the share of rounds so far in "
			"which the client came, this one too. --state names a folder, with one file a client.",
	},
	.fold = { .nrow = NROW, .fold = fold, .mix = mix },
};
