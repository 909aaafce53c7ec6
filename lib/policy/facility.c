/* Clients whose embeddings together cover a domain: facility location, greedily. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "data/named.h"
#include "policy/policy.h"

#define ROOM ((size_t)1 << 27)	/* cosines kept: 1 GiB of doubles */

struct params {
	int64_t k;
	const char *domain;
};

/* What is to be covered: rows of unit length. */
struct fl_domain {
	const float *x;		/* (n,d) */
	size_t n, d;
};

/* The rows of FILE or FILE#NAME, or where there is none the centres of all clients. */
static int load_domain(const struct fl_crowd *c, const char *source, struct fl_arena *a,
                       struct fl_domain *out, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	const struct fl_tensor *t;
	float *x;
	int rc = -1;

	*out = (struct fl_domain){ c->centre, c->centres, c->d };
	if (!source)
		return 0;
	if (fl_named_load(source, "emb", &rec, e))
		goto done;
	t = &rec.t[0];
	if (t->ndim != 2 || !fl_dtype_is_float(t->dtype) || t->dim[1] != c->d) {
		fl_fail(e, FL_EDATA,
		        "%s: the domain must be rows of %zu floats, as the clients' centres are",
		        source, c->d);
		goto done;
	}
	if (!(x = fl_arena_get(a, t->n + 1, sizeof *x, e)))
		goto done;
	fl_dtype_to_f32(t->dtype, t->data, x, t->n);
	for (size_t i = 0; i < t->dim[0]; i++) {
		double squares = 0;

		for (size_t k = 0; k < c->d; k++)
			squares += (double)x[i * c->d + k] * x[i * c->d + k];
		for (size_t k = 0; k < c->d && squares > 0; k++)
			x[i * c->d + k] = (float)(x[i * c->d + k] / sqrt(squares));
	}
	*out = (struct fl_domain){ x, t->dim[0], c->d };
	rc = 0;
done:
	fl_tset_release(&rec);
	return rc;
}

/* near(n,D): the largest cosine of row x with a centre of client i; -1 where it has none. */
static void measure_all(const struct fl_crowd *c, const struct fl_domain *o, double *near)
{
	for (size_t i = 0; i < c->n; i++)
		for (size_t x = 0; x < o->n; x++) {
			double best = -1;

			for (size_t j = c->first[i]; j < c->first[i + 1]; j++) {
				const float *u = c->centre + j * c->d, *v = o->x + x * c->d;
				double dot = 0;

				for (size_t k = 0; k < c->d; k++)
					dot += (double)u[k] * v[k];
				best = dot > best ? dot : best;
			}
			near[i * o->n + x] = best;
		}
}

/* What client i adds to a cover(D) of cosines. */
static double find_gain(const double *near, const double *cover, size_t D)
{
	double gain = 0;

	for (size_t x = 0; x < D; x++)
		gain += near[x] > cover[x] ? near[x] - cover[x] : 0;
	return gain;
}

static void choose_greedily(struct fl_choice *k, const double *near, double *cover, size_t D, size_t m)
{
	size_t n = k->crowd->n;

	for (size_t x = 0; x < D; x++)
		cover[x] = -1;
	for (size_t turn = 0; turn < m; turn++) {
		double most = -1;
		size_t best = n;

		for (size_t i = 0; i < n; i++) {
			double gain = k->in[i] ? -1 : find_gain(near + i * D, cover, D);

			if (gain > most) {
				most = gain;
				best = i;
			}
		}
		k->in[best] = 1;
		for (size_t x = 0; x < D; x++)
			cover[x] = fmax(cover[x], near[best * D + x]);
	}
}

static int pick(const void *vp, struct fl_choice *k, struct fl_err *e)
{
	const struct params *p = vp;
	const struct fl_crowd *c = k->crowd;
	size_t room;
	struct fl_domain o;
	double *near, *cover;

	if (!c->n)
		return 0;
	if (!c->centre)
		return fl_fail(e, FL_EDATA,
		               "policy facility wants centres of each client's embeddings: --with "
		               "a "
		               "stream of statistics, as fl-stats classmean writes it");
	if (load_domain(c, p->domain, k->arena, &o, e))
		return -1;
	if (fl_mul(c->n, o.n, &room) || room > ROOM)
		return fl_fail(e, FL_EDATA,
		               "facility: %zu clients and %zu rows to cover: more than %zu pairs",
		               c->n, o.n, ROOM);
	near = fl_arena_get(k->arena, room + 1, sizeof *near, e);
	cover = fl_arena_get(k->arena, o.n + 1, sizeof *cover, e);
	if (!near || !cover)
		return -1;
	measure_all(c, &o, near);
	choose_greedily(k, near, cover, o.n, fl_policy_count(p->k, 0, c->n));
	for (size_t i = 0; i < c->n; i++)
		k->chance[i] = k->in[i];
	return 0;
}

static const struct fl_param params[] = {
	{ "k", FL_P_INT, offsetof(struct params, k), "10", 1, 4e9, NULL, "n", "how many" },
	{ "domain", FL_P_PATH, offsetof(struct params, domain), NULL, 0, 0, NULL, "embeddings",
	  "what is to be covered, FILE or FILE#NAME; unset: all clients' centres" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_facility = {
	.e = {
		.name = "facility",
		.title = "domain coverage",
		.cite = "Wang et al., FedDCA, arXiv 2409.20135; Nemhauser et al., Mathematical Programming 14 "
		        "(1978)",
		.doc = "clients whose embeddings together cover a domain",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "one by one the client that raises mean_x max_(c in chosen) cos(x,c) the most; ties to "
		           "the smaller id; the same every round",
	},
	.pick = pick,
};
