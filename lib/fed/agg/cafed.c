/* CA-Fed: clients that come and go in long runs, or seldom, are left out where that lowers a
 * bound on the error.
 * Rodio et al., "Federated learning under heterogeneous and correlated client availability",
 * INFOCOM 2023. Every client that was ever seen is a Markov chain of two states with
 *   pi      the share of rounds in which it is there
 *   lambda  P(there | there) + P(away | away) - 1
 * Its loss F is a running mean of the losses at the received models. From q_k = alpha_k/pi_k
 * clients are visited, first by falling |lambda|, then by rising pi, and left out (q_k = 0)
 * where that does not raise
 *   J(q) = sum w_k (F_k - F*_k) + kappa max_k (F_k - F*_k) TV(alpha, w)^2,  w ~ pi q
 * Those at hand then count u = sum q_k u_k, which is not divided by the sum of q.
 *
 * Estimates have a Beta prior, worth so many rounds of a chain of given pi and lambda. Of
 * transitions, it is of those that leave the state, so that lambda is what is defined above;
 * the paper's code divides them by all rounds. A client that comes for the first time was
 * away in the rounds before; one that has never come is not known of. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fed/agg/agg.h"
#include "fed/share.h"

struct params {
	double kappa, rho, prior, pi, lambda;
	int weight, exclude;
};

static const struct fl_param table[] = {
	{ "kappa", FL_P_REAL, offsetof(struct params, kappa), "1", 0, 1e9, NULL, "kappa",
	  "what the bias of weights costs; with more, fewer clients are left out" },
	{ "rho", FL_P_REAL, offsetof(struct params, rho), "0", 0, 0.999999, NULL, "rho",
	  "share of the former loss in a client's running mean" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "examples", 0, 0,
	  fl_share_name, "kind",
	  "alpha: by training examples, or equal" },
	{ "exclude", FL_P_BOOL, offsetof(struct params, exclude), "on", 0, 0, NULL, NULL,
	  "off: nobody is left out, and the mean is without bias" },
	{ "prior", FL_P_REAL, offsetof(struct params, prior), "1", 0, 1e9, NULL, "rounds",
	  "what the prior of availability is worth" },
	{ "pi", FL_P_REAL, offsetof(struct params, pi), "0.5", 1e-6, 1, NULL, "p",
	  "its share of rounds" },
	{ "lambda", FL_P_REAL, offsetof(struct params, lambda), "0", -1, 0.999999, NULL, "lambda",
	  "its correlation of one round with the next" },
	{ 0 }
};

static const struct fl_fact facts[] = { { "optimum", FL_F64, 0, 1 }, { .name = NULL } };

/* What is kept of a client. */
enum {
	N,			/* examples */
	ROUNDS,			/* seen by the server, those before it came included */
	THERE,			/* of these */
	LAST,			/* 1: was there in the last one */
	FROM_THERE, STAYED,	/* rounds after one in which it was there; was there again */
	FROM_AWAY, STAYED_AWAY,
	LOSS, OPTIMUM,
	NROW
};

struct client {
	double row[NROW];
	double alpha, pi, lambda, q;
	size_t id;				/* place by ascending client */
	size_t at;				/* of those at hand; K: away */
};

/* --- the state --- */

static void move(double *row, int there)
{
	if (row[ROUNDS] > 0) {
		row[row[LAST] > 0 ? FROM_THERE : FROM_AWAY]++;
		if (there == (row[LAST] > 0))
			row[there ? STAYED : STAYED_AWAY]++;
	}
	row[ROUNDS]++;
	row[THERE] += there;
	row[LAST] = there;
}

/* A client that was away in all rounds so far. */
static void begin(double *row, double rounds)
{
	memset(row, 0, NROW * sizeof *row);
	row[ROUNDS] = rounds;
	row[FROM_AWAY] = row[STAYED_AWAY] = rounds > 1 ? rounds - 1 : 0;
}

static void meet(const struct params *p, const struct fl_round *r, size_t k, double *row)
{
	const struct fl_tensor *best = fl_fact_of(r->update[k], "optimum");
	const struct fl_update *u = &r->u[k];

	row[N] = (double)u->examples;
	row[LOSS] = row[THERE] > 0 ? p->rho * row[LOSS] + (1 - p->rho) * u->loss0 : u->loss0;
	if (best)
		row[OPTIMUM] = *(const double *)best->data;
	move(row, 1);
}

static double share_of(double count, double of, double strength, double prior)
{
	return of + strength > 0 ? (count + strength * prior) / (of + strength) : prior;
}

static void estimate(const struct params *p, struct client *c)
{
	const double *row = c->row;
	double stay = p->lambda + (1 - p->lambda) * p->pi;
	double away = 1 - (1 - p->lambda) * p->pi;

	c->pi = share_of(row[THERE], row[ROUNDS], p->prior, p->pi);
	c->lambda = share_of(row[STAYED], row[FROM_THERE], p->prior, stay) +
	            share_of(row[STAYED_AWAY], row[FROM_AWAY], p->prior, away) - 1;
}

/* All clients, by ascending id; returns how many. */
static size_t list_clients(const struct params *p, const struct fl_round *r, struct client *c)
{
	double rounds = r->known->n ? r->known->value[ROUNDS] : 0;
	size_t n = 0, a = 0, k = 0;

	while (a < r->known->n || k < r->K) {
		int here = k < r->K && (a == r->known->n || r->u[k].client <= r->known->client[a]);
		int old = a < r->known->n && (!here || r->known->client[a] == r->u[k].client);
		struct client *x = &c[n];

		*x = (struct client){ .id = n++, .at = here ? k : r->K };
		if (old)
			memcpy(x->row, r->known->value + a * NROW, sizeof x->row);
		else
			begin(x->row, rounds);
		if (here)
			meet(p, r, k, x->row);
		else
			move(x->row, 0);
		memcpy(here ? r->keep[k] : r->after + a * NROW, x->row, sizeof x->row);
		estimate(p, x);
		a += (size_t)old;
		k += (size_t)here;
	}
	return n;
}

/* --- who counts --- */

/* J of all n clients. */
static double objective(const struct params *p, const struct client *c, size_t n)
{
	double mass = 0, gap = 0, most = -INFINITY, tv = 0;

	for (size_t i = 0; i < n; i++)
		mass += c[i].pi * c[i].q;
	for (size_t i = 0; i < n; i++) {
		double w = c[i].pi * c[i].q / mass, over = c[i].row[LOSS] - c[i].row[OPTIMUM];

		gap += w * over;
		most = over > most ? over : most;
		tv += fabs(c[i].alpha - w) / 2;
	}
	return gap + p->kappa * most * tv * tv;
}

static int by_lambda(const void *a, const void *b)
{
	const struct client *const *x = a, *const *y = b;
	double l = fabs((*x)->lambda), m = fabs((*y)->lambda);

	return l != m ? (l < m) - (l > m) : ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static int by_pi(const void *a, const void *b)
{
	const struct client *const *x = a, *const *y = b;
	double l = (*x)->pi, m = (*y)->pi;

	return l != m ? (l > m) - (l < m) : ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* Leaves out, in that order, whom J does without; never the last one. */
static void visit(const struct params *p, struct client *c, size_t n, struct client **order)
{
	double best = objective(p, c, n), q;
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		left += c[i].q > 0;
	for (size_t i = 0; i < n; i++) {
		double now;

		if (!((q = order[i]->q) > 0))
			continue;
		if (left == 1)
			return;
		order[i]->q = 0;
		now = objective(p, c, n);
		if (best - now >= 0) {
			best = now;
			left--;
		} else {
			order[i]->q = q;
		}
	}
}

static void choose(const struct params *p, struct client *c, size_t n, struct client **order)
{
	for (size_t i = 0; i < n; i++)
		order[i] = &c[i];
	qsort(order, n, sizeof *order, by_lambda);
	visit(p, c, n, order);
	qsort(order, n, sizeof *order, by_pi);
	visit(p, c, n, order);
}

static int weigh(const void *pp, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	const struct params *p = pp;
	struct client *c = fl_alloc(r->known->n + r->K, sizeof *c, e);
	struct client **order = fl_alloc(r->known->n + r->K, sizeof *order, e);
	size_t n = c && order ? list_clients(p, r, c) : 0;
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += c[i].alpha = p->weight == FL_BY_UNIFORM ? 1 : c[i].row[N];
	for (size_t i = 0; i < n; i++) {
		c[i].alpha /= sum;
		c[i].q = c[i].alpha / c[i].pi;
	}
	if (p->exclude && n)
		choose(p, c, n, order);
	for (size_t i = 0; i < n; i++)
		if (c[i].at < r->K)
			q->w[c[i].at] = c[i].q;
	free(c);
	free(order);
	return n ? 0 : -1;
}

const struct fl_rule fl_rule_cafed = {
	.e = {
		.name = "cafed",
		.title = "CA-Fed",
		.cite = "Rodio et al., INFOCOM 2023, arXiv 2301.04632",
		.doc = "clients that come seldom or in long runs are left out where that helps",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = sum q_k u_k, q_k = alpha_k/pi_k or 0, by a greedy descent of "
			   "sum w_k (F_k - F*_k) + kappa max (F_k - F*_k) TV(alpha, w)^2, w ~ pi q",
		.note = "F*_k is the fact optimum, which a client brings once (fl-local-train --measure "
			"loss0,optimum), else 0. The sum is not divided by that of q: in the mean over "
			"rounds it has weights w. The paper's runs have a prior of 100 rounds around the "
			"true pi and lambda.",
	},
	.needs = FL_NEED_LOSS0,
	.facts = facts,
	.nrow = NROW,
	.weigh = weigh,
};
