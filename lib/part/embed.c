/* Feature skew: clusters of the inputs (k-means) take the place of labels, and
 * their shares over clients are Dirichlet. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "kernel/gemm.h"
#include "kernel/vmath.h"
#include "part/classwise.h"

#define BLOCK ((size_t)256)	/* examples a product */

struct params {
	double alpha;
	int64_t clusters, iterations, min_size, max_tries;
	int balance;
};

struct kmeans {
	const struct fl_part *s;
	size_t n;		/* clusters */
	float *x;		/* (N,d) */
	float *centre;		/* (n,d) */
	double *sum;		/* (n,d) */
	double *half;		/* (n) |centre|^2 / 2 */
	size_t *size;		/* (n) */
	int32_t *of;		/* (N) */
	double *dist;		/* (N) squared distance to the nearest centre so far */
	float *product;		/* (BLOCK,n) of examples and centres */
	float *scratch;		/* of the product */
};

static double distance(const float *a, const float *b, size_t d)
{
	double sum = 0;

	for (size_t j = 0; j < d; j++)
		sum += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]);
	return sum;
}

/* k-means++ (Arthur and Vassilvitskii 2007). */
static void seed_centres(struct kmeans *m)
{
	size_t d = m->s->d, N = m->s->N, pick;
	struct fl_rng r;

	fl_part_rng(&r, m->s, UINT64_MAX, 0);
	pick = (size_t)fl_rng_below(&r, N);
	for (size_t c = 0; c < m->n; c++) {
		double sum = 0, u;

		memcpy(m->centre + c * d, m->x + pick * d, d * sizeof *m->x);
		for (size_t i = 0; i < N; i++) {
			double q = distance(m->x + i * d, m->centre + c * d, d);

			if (!c || q < m->dist[i])
				m->dist[i] = q;
			sum += m->dist[i];
		}
		u = fl_rng_real(&r) * sum;
		for (pick = 0; pick < N - 1 && u >= m->dist[pick]; pick++)
			u -= m->dist[pick];
	}
}

static struct fl_gemm products(const struct kmeans *m, size_t i, size_t rows)
{
	return (struct fl_gemm){
		.M = rows, .N = m->n, .K = m->s->d, .a = m->x + i * m->s->d, .b = m->centre,
		.c = m->product, .lda = m->s->d, .ldb = m->s->d, .ldc = m->n, .tb = 1,
	};
}

/* The centre with the largest x.c - |c|^2/2, which is the nearest. */
static int32_t nearest(const struct kmeans *m, const float *product)
{
	double best = -INFINITY;
	int32_t of = 0;

	for (size_t c = 0; c < m->n; c++)
		if ((double)product[c] - m->half[c] > best) {
			best = (double)product[c] - m->half[c];
			of = (int32_t)c;
		}
	return of;
}

/* Returns how many examples moved. */
static size_t assign(struct kmeans *m)
{
	size_t d = m->s->d, N = m->s->N, moved = 0;

	for (size_t c = 0; c < m->n; c++)
		m->half[c] = fl_vsumsq(m->centre + c * d, d) / 2;
	for (size_t i = 0; i < N; i += BLOCK) {
		size_t rows = N - i < BLOCK ? N - i : BLOCK;
		struct fl_gemm g = products(m, i, rows);

		fl_gemm(&g, m->scratch);
		for (size_t r = 0; r < rows; r++) {
			int32_t of = nearest(m, m->product + r * m->n);

			moved += m->of[i + r] != of;
			m->of[i + r] = of;
		}
	}
	return moved;
}

/* Means; a cluster that lost all its examples stays where it is. */
static void update(struct kmeans *m)
{
	size_t d = m->s->d;

	memset(m->sum, 0, m->n * d * sizeof *m->sum);
	memset(m->size, 0, m->n * sizeof *m->size);
	for (size_t i = 0; i < m->s->N; i++) {
		double *sum = m->sum + (size_t)m->of[i] * d;
		const float *x = m->x + i * d;

		m->size[m->of[i]]++;
		for (size_t j = 0; j < d; j++)
			sum[j] += (double)x[j];
	}
	for (size_t c = 0; c < m->n; c++)
		for (size_t j = 0; j < d && m->size[c]; j++)
			m->centre[c * d + j] = (float)(m->sum[c * d + j] / (double)m->size[c]);
}

static int get_room(struct kmeans *m, struct fl_err *e)
{
	const struct fl_part *s = m->s;
	struct fl_arena *a = s->arena;
	size_t nd, Nd, scratch = 0;

	/* A short last block may want more than a whole one. */
	for (size_t rows = 1; rows <= BLOCK; rows++) {
		struct fl_gemm g = products(m, 0, rows);
		size_t want = fl_gemm_scratch(&g);

		scratch = want > scratch ? want : scratch;
	}
	if (fl_mul(m->n, s->d, &nd) || fl_mul(s->N, s->d, &Nd))
		return fl_fail_mem(e, SIZE_MAX);
	return (m->x = fl_arena_get(a, Nd, sizeof *m->x, e)) &&
	       (m->centre = fl_arena_get(a, nd, sizeof *m->centre, e)) &&
	       (m->sum = fl_arena_get(a, nd, sizeof *m->sum, e)) &&
	       (m->half = fl_arena_get(a, m->n, sizeof *m->half, e)) &&
	       (m->size = fl_arena_get(a, m->n, sizeof *m->size, e)) &&
	       (m->of = fl_arena_get(a, s->N, sizeof *m->of, e)) &&
	       (m->dist = fl_arena_get(a, s->N, sizeof *m->dist, e)) &&
	       (m->product = fl_arena_get(a, m->n * BLOCK, sizeof *m->product, e)) &&
	       (m->scratch = fl_arena_get(a, scratch + 1, sizeof *m->scratch, e)) ? 0 : -1;
}

static int cluster(struct kmeans *m, size_t iterations, struct fl_err *e)
{
	const struct fl_part *s = m->s;

	if (!s->x)
		return fl_fail(e, FL_EDATA, "embed: wants inputs, of which no example lacks a part");
	if (m->n > s->N)
		return fl_fail(e, FL_EDATA, "embed: %zu clusters of %zu examples", m->n, s->N);
	if (get_room(m, e))
		return -1;
	for (uint32_t i = 0; i < s->N; i++) {
		s->x(s->ctx, &i, 1, m->x + i * s->d);
		m->of[i] = -1;
	}
	seed_centres(m);
	for (size_t t = 0; t < iterations && assign(m); t++)
		update(m);
	return 0;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	struct kmeans m = { .s = s, .n = (size_t)p->clusters };
	struct fl_classwise c = {
		.scheme = "embed", .alpha = p->alpha, .min_size = p->min_size,
		.max_tries = p->max_tries, .balance = p->balance, .shuffle = 1,
	};
	struct fl_part by_cluster = *s;

	if (cluster(&m, (size_t)p->iterations, e))
		return -1;
	by_cluster.y = m.of;
	by_cluster.C = m.n;
	if (fl_part_classwise(&c, &by_cluster, e))
		return -1;
	s->tries = by_cluster.tries;
	return 0;
}

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "0.5", 0, 1e6, NULL, "x",
	  "concentration: small is skewed, large is even" },
	{ "clusters", FL_P_INT, offsetof(struct params, clusters), "10", 1, 10000, NULL, "n",
	  "clusters of the inputs" },
	{ "iterations", FL_P_INT, offsetof(struct params, iterations), "20", 1, 10000, NULL, "n",
	  "steps of k-means at most" },
	{ "min_size", FL_P_INT, offsetof(struct params, min_size), "10", 1, 4e9, NULL, "n",
	  "draw again while a client has fewer examples" },
	{ "max_tries", FL_P_INT, offsetof(struct params, max_tries), "1000", 1, 1e6, NULL, "n",
	  "give up after so many draws" },
	{ "balance", FL_P_ENUM, offsetof(struct params, balance), "none", 0, 0, fl_balance_name, "how",
	  "lt, gt: clients that have N/K, or more than N/K, get no further cluster" },
	{ .name = NULL }
};

const struct fl_by fl_by_embed = {
	.e = {
		.name = "embed",
		.title = "Feature skew by clusters",
		.cite = "Lloyd 1982; Arthur and Vassilvitskii, SODA 2007; Hsu et al., arXiv 1909.06335",
		.doc = "clusters of the inputs by k-means, then Dirichlet over them",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "as dirichlet, with the nearest of the k-means centres in place of the label",
	},
	.split = split,
};
