/* Clients in turn: each takes part once before anybody does so again. */
#include "policy/policy.h"

enum { SHUFFLED, BY_ID };
static const char *const order_name[] = { "shuffled", "id", NULL };

struct params {
	int64_t k;
	int order;
};

static size_t count_of(const void *vp, size_t n)
{
	return fl_policy_count(((const struct params *)vp)->k, 0, n);
}

/* Turns (t-1)k .. tk-1; turn j is that of place j mod N. */
static int pick(const void *vp, struct fl_choice *k, struct fl_err *e)
{
	const struct params *p = vp;
	size_t n = k->crowd->n, m = count_of(vp, n);
	uint32_t *order = p->order == SHUFFLED ? fl_policy_shuffled(k, 0, e) : NULL;
	uint64_t first;

	if (p->order == SHUFFLED && !order)
		return -1;
	if (!n)
		return 0;
	first = (k->round - 1) % n * m % n;	/* n < 2^32: the product fits */
	for (size_t i = 0; i < n; i++)
		k->chance[i] = p->order == SHUFFLED ? (double)m / (double)n : 0;
	for (size_t j = 0; j < m; j++) {
		size_t place = (size_t)((first + j) % n), i = order ? order[place] : place;

		k->in[i] = 1;
		if (p->order == BY_ID)
			k->chance[i] = 1;
	}
	return 0;
}

static const struct fl_param params[] = {
	{ "k", FL_P_INT, offsetof(struct params, k), "10", 1, 4e9, NULL, "n", "how many" },
	{ "order", FL_P_ENUM, offsetof(struct params, order), "shuffled", 0, 0, order_name, "order",
	  "whose turn is first: drawn once for all rounds, or by id" },
	{ .name = NULL }
};

const struct fl_policy fl_policy_roundrobin = {
	.e = {
		.name = "roundrobin",
		.title = "round robin",
		.cite = "Eichner et al., ICML 2019, arXiv 1904.10120 (groups that come in turn)",
		.doc = "in turn, so many a round",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "round t has turns (t-1)k .. tk-1 of an order that the seed draws; P = k/N",
	},
	.pick = pick,
};
