/* Curricula: a client trains on its easiest examples first. Each has a score, its loss at a
 * model that does not train; in ascending order (curr), descending (anti) or none (random),
 * the first g(t) of N are shuffled and trained on, t the steps taken of all T,
 *   g = N (b + (1 - b) p(t/(a T))),  at least a batch, at most all,
 * p the pace: s; s^2; sqrt s; step: 0 below s = 1, then 1; exp: (e^(10 s) - 1)/(e^10 - 1);
 * log: 1 + ln(s + e^-10)/10. The examples are chosen anew after each pass over those chosen.
 * T is that of plain training, so b = 1 is FedAvg to the byte.
 *
 * The model that scores is the received one, the client's last one, which is kept as state
 * (a client without takes the received one), both (the mean of the losses), or an expert,
 * whose losses come by --with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "fed/client/client.h"

static const char prefix[] = "@curricula/w/";

enum by { CURR, ANTI, RANDOM };
enum score { GLOBAL, LOCAL, BOTH, EXPERT };
enum pace { LINEAR, QUAD, ROOT, STEP, EXP, LOG };

struct curricula {
	int by, score, pace;
	double a, b;
};

static const char *const bys[] = { "curr", "anti", "random", NULL };
static const char *const scores[] = { "global", "local", "both", "expert", NULL };
static const char *const paces[] = { "linear", "quad", "root", "step", "exp", "log", NULL };

static const struct fl_param params[] = {
	{ "by", FL_P_ENUM, offsetof(struct curricula, by), "curr", 0, 0, bys, "order",
	  "easy examples first, hard ones, or any" },
	{ "score", FL_P_ENUM, offsetof(struct curricula, score), "global", 0, 0, scores, "model",
	  "whose loss says how hard: received, last local, both, --with" },
	{ "pace", FL_P_ENUM, offsetof(struct curricula, pace), "linear", 0, 0, paces, "p",
	  "how the examples trained on grow in number" },
	{ "a", FL_P_REAL, offsetof(struct curricula, a), "0.8", 1e-6, 1e6, NULL, "share",
	  "of the steps, after which all examples are trained on" },
	{ "b", FL_P_REAL, offsetof(struct curricula, b), "0.2", 0, 1, NULL, "share",
	  "of the examples, trained on at first" },
	{ 0 }
};

static const struct fl_want wants[] = {
	{ FL_KIND_STATS, "outputs", FL_WANT_OPTIONAL, "fl-stats -m EXPERT outputs:of=loss CLIENTS" },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

struct ranks {
	uint32_t *rank;			/* (N) place of each example in the order */
	double *score;			/* (N) */
	int64_t steps;			/* T */
};

static int keeps(const void *p)
{
	int score = ((const struct curricula *)p)->score;

	return score == LOCAL || score == BOTH;
}

/* --- scores --- */

static int expert_scores(struct fl_local *l, double *score, struct fl_err *e)
{
	const struct fl_tensor *t;
	const struct fl_tset *rec;
	int rc = fl_local_with_one(l, wants, &rec, e);

	if (rc < 0)
		return -1;
	if (!rc)
		return fl_fail(e, FL_EUSAGE, "method curricula with score=expert reads statistic outputs by "
		               "--with: %s", wants->from);
	t = fl_tset_find(rec, "loss");
	if (!t || t->dtype != FL_F32 || t->n != l->data->N)
		return fl_fail(e, FL_EDATA, "--with: statistic outputs has no 'loss' of %zu examples; "
		               "outputs:of=loss of this client's has", l->data->N);
	for (size_t i = 0; i < t->n; i++)
		score[i] = (double)((const float *)t->data)[i];
	return 0;
}

static int model_scores(struct fl_local *l, const struct curricula *p, double *score, struct fl_err *e)
{
	size_t N = l->data->N;
	double *last = fl_arena_get(l->arena, N, sizeof *last, e);
	fl_real *w = last ? fl_local_import(l, l->old, prefix, e) : NULL;
	int both = l->old->nt && p->score == BOTH;

	if (!w)
		return last ? fl_fail_in(e, "state") : -1;
	if (fl_local_losses(l, keeps(p) && l->old->nt ? w : l->w0, score, e) ||
	    (both && fl_local_losses(l, l->w0, last, e)))
		return -1;
	for (size_t i = 0; both && i < N; i++)
		score[i] = (score[i] + last[i]) / 2;
	return 0;
}

struct scored {
	double score;
	uint32_t i;
};

static int ascending(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;

	if (x->score < y->score || x->score > y->score)
		return x->score < y->score ? -1 : 1;
	return (x->i > y->i) - (x->i < y->i);
}

/* Places by score, equal ones as stored; or at random. */
static int set_ranks(struct fl_local *l, const struct curricula *p, const double *score,
                     uint32_t *rank, struct fl_err *e)
{
	size_t N = l->data->N;
	struct scored *v = fl_arena_get(l->arena, N, sizeof *v, e);
	struct fl_rng r;

	if (!v)
		return -1;
	for (size_t i = 0; i < N; i++)
		v[i] = (struct scored){ p->by == ANTI ? -score[i] : score[i], (uint32_t)i };
	qsort(v, N, sizeof *v, ascending);
	for (size_t i = 0; i < N; i++)
		rank[v[i].i] = (uint32_t)i;
	if (p->by == RANDOM) {
		fl_rng_init(&r, l->cfg->seed, (uint64_t)l->round, (uint64_t)l->client, FL_RNG_METHOD, 0);
		fl_rng_shuffle(&r, rank, N);
	}
	return 0;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct curricula *p = l->p;
	size_t N = l->data->N;
	struct ranks *s = fl_arena_get(l->arena, 1, sizeof *s, e);

	if (!s || !(s->rank = fl_arena_get(l->arena, N, sizeof *s->rank, e)) ||
	    !(s->score = fl_arena_zero(l->arena, N, sizeof *s->score, e)))
		return -1;
	l->priv = s;
	if (p->by != RANDOM && (p->score == EXPERT ? expert_scores(l, s->score, e) :
	                        model_scores(l, p, s->score, e)))
		return -1;
	return set_ranks(l, p, s->score, s->rank, e);
}

/* --- training --- */

/* p(s), from 0 at 0 to 1 at 1. */
static double pace(const struct curricula *p, double s)
{
	static const double c = 10;	/* of the authors' exponential and logarithmic paces */

	switch ((enum pace)p->pace) {
	case LINEAR:
		return s;
	case QUAD:
		return s * s;
	case ROOT:
		return sqrt(s);
	case STEP:
		return s < 1 ? 0 : 1;
	case EXP:
		return s < 1 ? fl_expm1(c * s) / fl_expm1(c) : 1;
	case LOG:
		break;
	}
	return 1 + fl_log(s + fl_exp(-c)) / c;
}

static size_t order(struct fl_local *l, int64_t epoch, uint32_t *v, size_t n)
{
	const struct curricula *p = l->p;
	const struct ranks *s = l->priv;
	double now = (double)l->loop->taken / (p->a * (double)s->steps);
	double most = (double)n * (p->b + (1 - p->b) * pace(p, now));
	size_t B = (size_t)l->cfg->batch, g = most < (double)n ? most > 0 ? (size_t)most : 0 : n, kept = 0;

	(void)epoch;
	g = g < B ? B : g;
	for (size_t i = 0; i < n; i++)
		if (s->rank[v[i]] < g)
			v[kept++] = v[i];
	return kept;
}

static int train(struct fl_local *l, struct fl_err *e)
{
	struct fl_phase ph = fl_local_phase(l);
	struct ranks *s = l->priv;
	int64_t N = (int64_t)l->data->N, B = l->cfg->batch;

	if (ph.steps == FL_UNSET)
		ph.steps = ph.epochs * ((N + B - 1) / B);
	s->steps = ph.steps;
	if (fl_local_run(l, &ph, e))
		return -1;
	l->steps = ph.taken;
	return 0;
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	(void)update;
	return keeps(l->p) ? fl_local_export(l, l->w, prefix, l->state, e) : 0;
}

const struct fl_method fl_method_curricula = {
	.e = {
		.name = "curricula",
		.title = "Curricula",
		.cite = "Vahidian et al., ICCV 2023, arXiv 2212.12712; paces: Wu, Dyer and Neyshabur, "
			"ICLR 2021, arXiv 2012.03107",
		.doc = "a client trains on its easy examples first, on more and more",
		.params = params,
		.psize = sizeof(struct curricula),
		.formula = "the first N (b + (1 - b) p(t/(a T))) examples by loss, at step t of T",
		.note = "As the authors' code has it, where the model that scores is the received one, "
			"a = b = 0.2, the first set is of 32 at least, and the last pass is completed. Here "
			"it is of a batch at least, and T steps are as many as without a curriculum.",
	},
	.flags = FL_METHOD_LABELS,
	.keeps = keeps,
	.with = wants,
	.begin = begin,
	.on.order = order,
	.train = train,
	.end = end,
};
