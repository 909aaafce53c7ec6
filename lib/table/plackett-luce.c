/* The Plackett-Luce model: a ranking is drawn from the best on, each next row with a chance
 * in proportion to its worth among those that are left. Maximum likelihood by Newton's
 * method in the logarithms of worths, whose likelihood is concave. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "table/ranking.h"

#define ROWS_MAX 2000	/* the matrix of second derivatives is rows by rows */
#define STEPS 200
#define HALVINGS 60

struct params {
	double prior;
};

struct fl_luce {
	const struct fl_ballots *b;
	double prior;
	size_t R;
	double *theta, *trial;	/* (R) logarithms of worths */
	double *g, *h;		/* (R), (R,R) gradient, negative second derivatives */
	double *worth;		/* (R) exp(theta) */
	double *sum;		/* (R) of what a ballot's ranking sums up */
	unsigned char *known;	/* (R) is in a ballot */
};

/* --- likelihood --- */

static double use_prior(struct fl_luce *l, const double *theta, int derive)
{
	double value = 0;

	for (size_t i = 0; i < l->R; i++) {
		double w = l->worth[i], p = w / (1 + w);

		if (!l->known[i])
			continue;
		value += l->prior * (theta[i] - 2 * fl_log1p(w));
		if (derive) {
			l->g[i] += l->prior * (1 - 2 * p);
			l->h[i * l->R + i] += 2 * l->prior * p * (1 - p);
		}
	}
	return value;
}

/* One ballot at(n). The rows of a tie of t each have the denominator of all that are left when
 * the tie begins. With A_k = sum of t/S and B_k = sum of t/S^2 over the groups down to that of
 * row k, S the worths left: dL/dtheta_k = 1 - w_k A_k,
 * -d2L/dtheta_k dtheta_j = [k=j] w_k A_k - w_k w_j B_min(k,j). */
static double use_ballot(struct fl_luce *l, const double *theta, const struct fl_place *at,
                         size_t n, int derive)
{
	double value = 0, left = 0, A = 0, B = 0;

	for (size_t k = n; k-- > 0;)
		l->sum[k] = left += l->worth[at[k].row];
	for (size_t i = 0, j; i < n; i = j) {
		double t;

		for (j = i; j < n && at[j].place == at[i].place; j++)
			value += theta[at[j].row];
		t = (double)(j - i);
		value -= t * fl_log(l->sum[i]);
		A += t / l->sum[i];
		B += t / l->sum[i] / l->sum[i];
		for (size_t k = i; k < j && derive; k++) {
			double w = l->worth[at[k].row], *row = l->h + at[k].row * l->R;

			l->g[at[k].row] += 1 - w * A;
			row[at[k].row] += w * A - w * w * B;
			/* With rows further down, and those of the tie after it: B of this group. */
			for (size_t m = k + 1; m < n; m++) {
				row[at[m].row] -= w * l->worth[at[m].row] * B;
				l->h[at[m].row * l->R + at[k].row] -= w * l->worth[at[m].row] * B;
			}
		}
	}
	return value;
}

/* The logarithm of the likelihood; with derive also g and h. */
static double use_all(struct fl_luce *l, const double *theta, int derive)
{
	double value;

	if (derive) {
		memset(l->g, 0, l->R * sizeof *l->g);
		memset(l->h, 0, l->R * l->R * sizeof *l->h);
	}
	for (size_t i = 0; i < l->R; i++)
		l->worth[i] = fl_exp(theta[i]);
	value = use_prior(l, theta, derive);
	for (size_t i = 0; i < l->b->n; i++)
		value += use_ballot(l, theta, l->b->at + l->b->start[i], l->b->start[i + 1] - l->b->start[i],
		                    derive);
	return value;
}

/* --- one step --- */

/* What makes h definite: rows in no ballot stay at 0, and without a prior the sum of all does. */
static void anchor(struct fl_luce *l)
{
	for (size_t i = 0; i < l->R; i++) {
		if (!l->known[i])
			l->h[i * l->R + i] = 1;
		for (size_t j = 0; j < l->R && !(l->prior > 0); j++)
			l->h[i * l->R + j] += l->known[i] && l->known[j];
	}
}

/* h(R,R) = L L^T in place, below the diagonal. FL_ENUM where it is not definite. */
static int factor(double *h, size_t R, struct fl_err *e)
{
	for (size_t i = 0; i < R; i++)
		for (size_t j = 0; j <= i; j++) {
			double v = h[i * R + j];

			for (size_t k = 0; k < j; k++)
				v -= h[i * R + k] * h[j * R + k];
			if (i == j && !(v > 0))
				return fl_fail(e, FL_ENUM,
				               "plackett-luce: the likelihood has no maximum that "
				               "numbers "
				               "in double precision tell; a larger prior helps");
			h[i * R + j] = i == j ? sqrt(v) : v / h[j * R + j];
		}
	return 0;
}

/* x(R) = (L L^T)^-1 x. */
static void solve(const double *h, size_t R, double *x)
{
	for (size_t i = 0; i < R; i++) {
		for (size_t k = 0; k < i; k++)
			x[i] -= h[i * R + k] * x[k];
		x[i] /= h[i * R + i];
	}
	for (size_t i = R; i-- > 0;) {
		for (size_t k = i + 1; k < R; k++)
			x[i] -= h[k * R + i] * x[k];
		x[i] /= h[i * R + i];
	}
}

/* Moves theta along g, by half where the likelihood would fall. The length of the step. */
static double move(struct fl_luce *l, double value)
{
	double scale = 1, length = 0;

	for (int i = 0; i < HALVINGS; i++, scale /= 2) {
		for (size_t r = 0; r < l->R; r++)
			l->trial[r] = l->theta[r] + scale * l->g[r];
		if (use_all(l, l->trial, 0) >= value)
			break;
	}
	for (size_t r = 0; r < l->R; r++) {
		length = fmax(length, fabs(l->trial[r] - l->theta[r]));
		l->theta[r] = l->trial[r];
	}
	return length;
}

static int climb(struct fl_luce *l, struct fl_err *e)
{
	for (int i = 0; i < STEPS; i++) {
		double value = use_all(l, l->theta, 1), length;

		anchor(l);
		if (factor(l->h, l->R, e))
			return -1;
		solve(l->h, l->R, l->g);
		length = move(l, value);
		if (length < 1e-9) {	/* the next one would be its square */
			use_all(l, l->theta, 1);
			anchor(l);
			return factor(l->h, l->R, e);
		}
	}
	return fl_fail(e, FL_ENUM, "plackett-luce: no maximum after %d steps; a larger prior helps",
	               STEPS);
}

/* --- rows that nothing joins --- */

/* Marks rows that beat or tie row 'from', directly or over others; down: that it beats. */
static void reach(const unsigned char *beats, size_t R, size_t from, int down, unsigned char *mark,
                  uint32_t *queue)
{
	size_t head = 0, tail = 0;

	memset(mark, 0, R);
	mark[from] = 1;
	queue[tail++] = (uint32_t)from;
	while (head < tail) {
		size_t i = queue[head++];

		for (size_t j = 0; j < R; j++)
			if (!mark[j] && (down ? beats[i * R + j] : beats[j * R + i])) {
				mark[j] = 1;
				queue[tail++] = (uint32_t)j;
			}
	}
}

static int fail_apart(const struct fl_ballots *b, size_t r, struct fl_err *e)
{
	struct fl_str row = FL_STR_INIT;

	fl_tuples_label(&b->s->row, r, &row);
	fl_fail(e, FL_EDATA,
	        "plackett-luce: '%s' always wins or always loses, or meets no other, so its "
	        "worth has no bound; prior=0.5 gives one",
	        fl_str_c(&row));
	fl_str_release(&row);
	return -1;
}

/* Without a prior there is a maximum only where every row beats every other over some chain. */
static int check_joined(const struct fl_luce *l, struct fl_err *e)
{
	const struct fl_ballots *b = l->b;
	size_t R = l->R, first = b->at[0].row;
	unsigned char *beats = fl_alloc(R * R, 1, e), *mark = fl_alloc(R, 1, e);
	uint32_t *queue = fl_alloc(R, sizeof *queue, e);
	int rc = beats && mark && queue ? 0 : -1;

	for (size_t i = 0; i < b->n && !rc; i++)
		for (size_t k = b->start[i]; k < b->start[i + 1]; k++)
			for (size_t m = b->start[i]; m < b->start[i + 1]; m++)
				if (b->at[m].place >= b->at[k].place)
					beats[b->at[k].row * R + b->at[m].row] = 1;
	for (int down = 0; down < 2 && !rc; down++) {
		reach(beats, R, first, down, mark, queue);
		for (size_t r = 0; r < R && !rc; r++)
			if (l->known[r] && !mark[r])
				rc = fail_apart(b, r, e);
	}
	free(beats);
	free(mark);
	free(queue);
	return rc;
}

/* --- results --- */

/* theta less its mean, and the deviations of that from the inverse of h. */
static void report(struct fl_luce *l, double *score, double *se, double *share)
{
	double mean = 0, total = 0, n = 0, top = -INFINITY;
	size_t R = l->R;

	for (size_t i = 0; i < R; i++)
		if (l->known[i]) {
			mean += l->theta[i];
			top = fmax(top, l->theta[i]);
			n++;
		}
	mean /= n;
	for (size_t i = 0; i < R; i++)
		total += l->known[i] ? fl_exp(l->theta[i] - top) : 0;
	for (size_t i = 0; i < R; i++) {
		score[i] = l->known[i] ? l->theta[i] - mean : NAN;
		share[i] = l->known[i] ? fl_exp(l->theta[i] - top) / total : NAN;
		/* Variance of theta_i - mean: c^T h^-1 c, c the unit vector less 1/n each. */
		for (size_t j = 0; j < R; j++)
			l->g[j] = l->trial[j] = l->known[j] ? (i == j) - 1 / n : 0;
		solve(l->h, R, l->g);
		se[i] = 0;
		for (size_t j = 0; j < R; j++)
			se[i] += l->g[j] * l->trial[j];
		se[i] = l->known[i] ? sqrt(se[i]) : NAN;
	}
}

static int rank_rows(const void *vp, const struct fl_ballots *b, double *score, double *se,
                     double *share, struct fl_err *e)
{
	struct fl_arena a = { .head = NULL };
	size_t R = b->R;
	struct fl_luce l = { .b = b, .R = R, .prior = ((const struct params *)vp)->prior };
	int rc = 0;

	if (R > ROWS_MAX)
		return fl_fail(e, FL_EDATA, "plackett-luce: %zu rows, at most %d can be ranked", R,
		               ROWS_MAX);
	if (!(l.theta = fl_arena_zero(&a, R, sizeof *l.theta, e)) ||
	    !(l.trial = fl_arena_zero(&a, R, sizeof *l.trial, e)) ||
	    !(l.g = fl_arena_zero(&a, R, sizeof *l.g, e)) ||
	    !(l.h = fl_arena_zero(&a, R * R, sizeof *l.h, e)) ||
	    !(l.worth = fl_arena_zero(&a, R, sizeof *l.worth, e)) ||
	    !(l.sum = fl_arena_zero(&a, R, sizeof *l.sum, e)) ||
	    !(l.known = fl_arena_zero(&a, R, 1, e)))
		rc = -1;
	for (size_t i = 0; i < b->start[b->n] && !rc; i++)
		l.known[b->at[i].row] = 1;
	if (!rc && !(l.prior > 0))
		rc = check_joined(&l, e);
	if (!rc)
		rc = climb(&l, e);
	if (!rc)
		report(&l, score, se, share);
	fl_arena_release(&a);
	return rc;
}

static const struct fl_param params[] = {
	{ "prior", FL_P_REAL, offsetof(struct params, prior), "0.5", 0, 1e6, NULL, "x",
	  "wins and losses of each row against one of worth 1; 0: none" },
	{ .name = NULL }
};

const struct fl_ranking fl_ranking_plackett_luce = {
	.e = {
		.name = "plackett-luce",
		.title = "Plackett-Luce",
		.cite = "Plackett, Applied Statistics 24 (1975); Hunter, Annals of Statistics 32 (2004); "
		        "Turner et al., Computational Statistics 35 (2020); Ghosh et al., ONEBench, arXiv "
		        "2412.06745",
		.doc = "worths of rows from rankings of some or all of them",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "P(r_1 > r_2 > ...) = prod_k w_(r_k)/sum_(j >= k) w_(r_j); of a tie, each row has the "
		           "denominator where the tie begins; prior: w_i/(1+w_i) and 1/(1+w_i) to that power, "
		           "too; logworth = log w less its mean, se from the second derivatives",
		.aka = "pl",
	},
	.score = "logworth",
	.share = "worth",
	.rank = rank_rows,
};
