/* Shards: examples sorted by label are cut into equal shards, and every client gets
 * s of them at random. With s = 2, the pathological split of FedAvg's paper. */
#include "part/part.h"

#include "base/num.h"

enum { REST_SPREAD, REST_DROP };
static const char *const rest_name[] = { "spread", "drop", NULL };

struct params {
	int64_t s, size;
	int rest;
};

/* Number of shards; 0: too few examples. */
static size_t shards(const struct params *p, const struct fl_part *s)
{
	size_t S, size = (size_t)p->size;

	if (p->size != FL_UNSET)
		S = p->rest == REST_DROP ? s->N / size : (s->N - 1) / size + 1;
	else if (fl_mul(s->K, (size_t)p->s, &S) || S > s->N)
		S = 0;
	return S < s->K ? 0 : S;
}

/* Shard of the i-th example by label; S or more: left over. */
static size_t shard_of(const struct params *p, size_t i, size_t N, size_t S)
{
	return p->size != FL_UNSET ? i / (size_t)p->size :
	       p->rest == REST_DROP ? i / (N / S) : i * S / N;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	size_t S = shards(p, s), *start = fl_arena_get(s->arena, s->C + 1, sizeof *start, e), j = 0;
	uint32_t *rows, *client;
	struct fl_rng r;

	if (!start || !(rows = fl_part_by_label(s, start, e)))
		return -1;
	if (!S)
		return fl_fail(e, FL_EDATA, "shards: %zu clients of %lld shards want at least as many "
		               "examples, not %zu: the smallest shard would have 0", s->K,
		               p->size == FL_UNSET ? (long long)p->s : 1LL, s->N);
	if (!(client = fl_arena_get(s->arena, S, sizeof *client, e)))
		return -1;
	for (size_t k = 0; k < s->K; k++)
		for (size_t n = fl_part_even(S, k, s->K); n; n--)
			client[j++] = (uint32_t)k;
	fl_part_rng(&r, s, 0, 0);
	fl_rng_shuffle(&r, client, S);
	for (size_t i = 0; i < s->N; i++) {
		j = shard_of(p, i, s->N, S);
		s->owner[rows[i]] = j < S ? client[j] : FL_PART_DROPPED;
	}
	s->tries = 1;
	return 0;
}

static const struct fl_param params[] = {
	{ "s", FL_P_INT, offsetof(struct params, s), "2", 1, 1e6, NULL, "n", "shards a client" },
	{ "size", FL_P_INT, offsetof(struct params, size), NULL, 1, 4e9, NULL, "n",
	  "examples a shard, in place of s; the first clients get one shard more" },
	{ "rest", FL_P_ENUM, offsetof(struct params, rest), "spread", 0, 0, rest_name, "what",
	  "examples that the shards do not divide: kept in uneven ones, or left out" },
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
