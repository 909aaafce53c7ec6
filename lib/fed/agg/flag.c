/* Flag aggregator: the mean of unit updates, projected onto the subspace of rank r in which
 * most of them lie.
 * Almasi et al., "Flag aggregator: scalable distributed training under failures and augmented
 * losses using convex optimization", ICLR 2024. With x_i = u_i/|u_i|, Y (d,r) orthonormal:
 *   a_i  = (1 - |Y'x_i|^2 + eps)^(-1/4)
 *   b_ij = lambda/(K(K-1)) (|1 - |Y'(x_i - x_j)|^2| + eps)^(-1/4)     i != j
 *   Y    = the top r left singular vectors of all a_i x_i and b_ij (x_i - x_j)
 *   u    = 1/r sum_i Y Y' x_i
 * repeated while sum_i sqrt(1 - |Y'x_i|^2) falls. Y lies in the span of the updates, so that
 * inner products are enough: with H = diag(a^2) and the Laplacian of 2 b^2 beside it, H = L L',
 *   L' X'X L = V E V',  Y Y' X = X M,  M = L V_r E_r^-1 V_r' L' X'X
 * It begins without a Y, all a alike. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fed/agg/agg.h"
#include "kernel/eigen.h"

enum per { MODEL, TENSOR };

struct params {
	int64_t rank, iterations;
	double lambda;
	int per;
};

static const char *const pers[] = { "model", "tensor", NULL };

static const struct fl_param table[] = {
	{ "rank", FL_P_INT, offsetof(struct params, rank), NULL, 1, 1e6, NULL, "r",
	  "dimensions of the subspace; not set, half of K + 1, rounded up" },
	{ "lambda", FL_P_REAL, offsetof(struct params, lambda), "0", 0, 1e6, NULL, "lambda",
	  "weight of the differences between updates" },
	{ "iterations", FL_P_INT, offsetof(struct params, iterations), "1", 1, 1e4, NULL, "n",
	  "times that the subspace is looked for anew, at most" },
	{ "per", FL_P_ENUM, offsetof(struct params, per), "model", 0, 0, pers, "what",
	  "whether updates lie in a subspace as wholes or tensor by tensor" },
	{ 0 }
};

static const double eps = 1e-7;		/* keeps weights finite */
static const double done = 1e-10;	/* less gain than that is none */
static const double nothing = 1e-13;	/* of the largest eigenvalue: rounding */

/* (K,K) matrices. */
struct flag {
	size_t K, r;
	double lambda;
	double *X;	/* inner products of unit updates */
	double *P;	/* X M: inner products of their projections; 0 at first */
	double *M, *old;
	double *L, *LX, *V, *E;	/* E(K) */
	double *t;	/* room */
};

static double weight(double inside)
{
	return 1 / sqrt(sqrt(fabs(1 - inside) + eps));
}

/* L with L L' = H, from H = Q S Q': L = Q sqrt(S). */
static int split_weights(struct flag *f, struct fl_err *e)
{
	size_t K = f->K;
	double *H = f->t;

	memset(H, 0, K * K * sizeof *H);
	for (size_t i = 0; i < K; i++) {
		double a = weight(f->P[i * K + i]);

		H[i * K + i] += a * a;
		for (size_t j = 0; j < i && f->lambda > 0; j++) {
			double inside = f->P[i * K + i] + f->P[j * K + j] - 2 * f->P[i * K + j];
			double b = weight(inside) * f->lambda / (double)(K * (K - 1));

			H[i * K + i] += 2 * b * b;
			H[j * K + j] += 2 * b * b;
			H[i * K + j] -= 2 * b * b;
		}
	}
	if (fl_eigen(H, K, f->E, f->V, e))
		return -1;
	for (size_t i = 0; i < K; i++)
		for (size_t j = 0; j < K; j++)
			f->L[i * K + j] = f->V[j * K + i] * sqrt(f->E[j] > 0 ? f->E[j] : 0);
	return 0;
}

/* c(K,K) = a' b where turn, else a b. */
static void multiply(const double *a, int turn, const double *b, size_t K, double *c)
{
	memset(c, 0, K * K * sizeof *c);
	for (size_t i = 0; i < K; i++)
		for (size_t k = 0; k < K; k++) {
			double v = turn ? a[k * K + i] : a[i * K + k];

			for (size_t j = 0; j < K; j++)
				c[i * K + j] += v * b[k * K + j];
		}
}

/* M and P of the subspace that the weights of P give. */
static int project(struct flag *f, struct fl_err *e)
{
	size_t K = f->K;

	if (split_weights(f, e))
		return -1;
	multiply(f->L, 1, f->X, K, f->LX);
	multiply(f->LX, 0, f->L, K, f->t);
	if (fl_eigen(f->t, K, f->E, f->V, e))
		return -1;
	memset(f->t, 0, K * K * sizeof *f->t);		/* V_r E_r^-1 V_r' */
	for (size_t n = 0; n < f->r && n < K && f->E[n] > nothing * f->E[0]; n++)
		for (size_t i = 0; i < K; i++)
			for (size_t j = 0; j < K; j++)
				f->t[i * K + j] += f->V[n * K + i] * f->V[n * K + j] / f->E[n];
	multiply(f->t, 0, f->LX, K, f->P);
	multiply(f->L, 0, f->P, K, f->M);
	multiply(f->X, 0, f->M, K, f->P);
	return 0;
}

/* sum_i sqrt(1 - |Y'x_i|^2) */
static double error_of(const struct flag *f)
{
	double sum = 0;

	for (size_t i = 0; i < f->K; i++) {
		double out = 1 - f->P[i * f->K + i];

		sum += out > 0 ? sqrt(out) : 0;
	}
	return sum;
}

/* The best M; f->old is the one before. */
static int iterate(struct flag *f, int64_t most, struct fl_err *e)
{
	double error = error_of(f), gain = 1;

	for (int64_t n = 0; n < most && gain > done && error > done; n++) {
		memcpy(f->old, f->M, f->K * f->K * sizeof *f->M);
		if (project(f, e))
			return -1;
		gain = error - error_of(f);
		error -= gain;
		if (n > 0 && !(gain > 0))
			memcpy(f->M, f->old, f->K * f->K * sizeof *f->M);
	}
	return 0;
}

static int make_room(struct flag *f, struct fl_err *e)
{
	size_t n = f->K * f->K;
	double *all = fl_alloc(8 * n + f->K, sizeof *all, e);
	double **part[] = { &f->X, &f->P, &f->M, &f->old, &f->L, &f->LX, &f->V, &f->t };

	for (size_t i = 0; all && i < sizeof part / sizeof *part; i++)
		*part[i] = all + i * n;
	f->E = all ? all + 8 * n : NULL;
	return all ? 0 : -1;
}

/* 1/|u_i|; an update of zeros stays as it is. */
static double factor(const double *G, size_t K, size_t i)
{
	return G[i * K + i] > 0 ? 1 / sqrt(G[i * K + i]) : 0;
}

static int weigh(const void *pp, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	const struct params *p = pp;
	size_t K = r->K;
	struct flag f = { .K = K, .lambda = p->lambda,
	                  .r = p->rank == FL_UNSET ? (K + 2) / 2 : (size_t)p->rank };
	int rc = make_room(&f, e);

	for (size_t i = 0; !rc && i < K; i++)
		for (size_t j = 0; j < K; j++)
			f.X[i * K + j] = q->G[i * K + j] * factor(q->G, K, i) * factor(q->G, K, j);
	if (!rc)
		rc = iterate(&f, p->iterations, e);
	for (size_t i = 0; !rc && i < K; i++) {
		for (size_t j = 0; j < K; j++)
			q->share[i] += f.M[i * K + j] / (double)f.r;
		q->w[i] = q->share[i] * factor(q->G, K, i);
	}
	free(f.X);
	return rc;
}

static int apart(const void *p)
{
	return ((const struct params *)p)->per == TENSOR;
}

const struct fl_rule fl_rule_flag = {
	.e = {
		.name = "flag",
		.title = "Flag aggregator",
		.cite = "Almasi et al., ICLR 2024, arXiv 2302.05865",
		.doc = "unit updates, projected onto the subspace in which most of them lie",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "u = 1/r sum Y Y' x_i, x_i = u_i/|u_i|; Y the top r left singular vectors of "
			   "(1 - |Y'x_i|^2)^(-1/4) x_i",
		.note = "Updates count by direction, so that the server's lr is the step's size. The paper's "
			"code begins with a random Y, which weighs all updates alike but for r/d; here they "
			"begin alike. per=tensor has a subspace for each tensor, and unit tensors.",
	},
	.flags = FL_RULE_ORIGIN,
	.apart = apart,
	.weigh = weigh,
};
