/* Shards: examples sorted by label are cut into K*s equal shards, and every client
 * gets s of them at random. With s = 2, the pathological split of FedAvg's paper. */
#include "part/part.h"

#include "base/num.h"

enum { REST_SPREAD, REST_DROP };
static const char *const rest_name[] = { "spread", "drop", NULL };

struct params {
	int64_t s;
	int rest;
};

/* Shard of the i-th example by label; S or more: left over. */
static size_t shard_of(const struct params *p, size_t i, size_t N, size_t S)
{
	return p->rest == REST_DROP ? i / (N / S) : i * S / N;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	size_t S, *start = fl_arena_get(s->arena, s->C + 1, sizeof *start, e);
	uint32_t *rows, *shard;
	struct fl_rng r;

	if (!start || !(rows = fl_part_by_label(s, start, e)))
		return -1;
	if (fl_mul(s->K, (size_t)p->s, &S) || S > s->N)
		return fl_fail(e, FL_EDATA, "shards: %zu clients of %lld shards want at least as many "
		               "examples, not %zu: the smallest shard would have 0", s->K,
		               (long long)p->s, s->N);
	if (!(shard = fl_arena_get(s->arena, S, sizeof *shard, e)))
		return -1;
	for (size_t i = 0; i < S; i++)
		shard[i] = (uint32_t)(i / (size_t)p->s);
	fl_rng_init(&r, s->seed, 0, 0, FL_RNG_PARTITION, 0);
	fl_rng_shuffle(&r, shard, S);
	for (size_t i = 0; i < s->N; i++) {
		size_t j = shard_of(p, i, s->N, S);

		s->owner[rows[i]] = j < S ? shard[j] : FL_PART_DROPPED;
	}
	s->tries = 1;
	return 0;
}

static const struct fl_param params[] = {
	{ "s", FL_P_INT, offsetof(struct params, s), "2", 1, 1e6, NULL, "n", "shards a client" },
	{ "rest", FL_P_ENUM, offsetof(struct params, rest), "spread", 0, 0, rest_name, "what",
	  "examples that K*s does not divide: shards one larger, or left out" },
	{ .name = NULL }
};

const struct fl_by fl_by_shards = {
	.e = {
		.name = "shards",
		.title = "Shards by label",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629",
		.doc = "sorted by label, cut into K*s equal shards, s of them a client",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "shard j of S = K s: examples ceil(j N / S) .. ceil((j+1) N / S) - 1 by label",
	},
	.split = split,
};
