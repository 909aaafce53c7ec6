/* Extended Dirichlet: every client draws m classes, then every class is cut among
 * those that drew it. */
#include <string.h>

#include "base/num.h"
#include "part/classwise.h"
#include "part/holders.h"

struct params {
	double alpha;
	int64_t m, min_size, max_tries;
	int balance;
};

/* Redrawn until max(1, m K / C / 2) clients hold every class that has examples. */
static int draw_holders(const struct params *p, const struct fl_part *s, unsigned char *may,
                        struct fl_err *e)
{
	size_t floor_of = (size_t)p->m * s->K / s->C / 2, want = floor_of ? floor_of : 1, c = 0;
	size_t tries = (size_t)p->max_tries, held = 0;
	size_t *n = fl_arena_zero(s->arena, s->C, sizeof *n, e);

	if (!n)
		return -1;
	for (size_t i = 0; i < s->N; i++)
		n[s->y[i]]++;
	for (size_t try = 0; try < tries; try++) {
		if (fl_part_holders(s, FL_ASSIGN_RANDOM, (size_t)p->m, try, may, e))
			return -1;
		for (c = 0; c < s->C; c++) {
			held = 0;
			for (size_t k = 0; k < s->K; k++)
				held += may[c * s->K + k];
			if (n[c] && held < want)
				break;
		}
		if (c == s->C)
			return 0;
	}
	return fl_fail(e, FL_EDATA, "exdir: after %zu draws of %lld classes a client, class %zu has "
	               "%zu of %zu clients, wants %zu", tries, (long long)p->m, c, held, s->K, want);
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_classwise c = {
		.scheme = "exdir", .alpha = p->alpha, .min_size = p->min_size,
		.max_tries = p->max_tries, .balance = p->balance, .shuffle = 1,
	};
	unsigned char *may;
	size_t cells;

	if ((uint64_t)p->m > s->C)
		return fl_fail(e, FL_EDATA, "exdir: m=%lld classes a client, the data have %zu",
		               (long long)p->m, s->C);
	if (fl_mul(s->C, s->K, &cells))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(may = fl_arena_get(s->arena, cells, 1, e)) || draw_holders(p, s, may, e))
		return -1;
	c.may = may;
	return fl_part_classwise(&c, s, e);
}

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "0.5", 0, 1e6, NULL, "x",
	  "concentration among the holders of a class" },
	{ "m", FL_P_INT, offsetof(struct params, m), "2", 1, 1e6, NULL, "n", "classes a client" },
	{ "min_size", FL_P_INT, offsetof(struct params, min_size), "10", 1, 4e9, NULL, "n",
	  "draw again while a client has fewer examples" },
	{ "max_tries", FL_P_INT, offsetof(struct params, max_tries), "1000", 1, 1e6, NULL, "n",
	  "give up after so many draws" },
	{ "balance", FL_P_ENUM, offsetof(struct params, balance), "lt", 0, 0, fl_balance_name, "how",
	  "lt, gt: clients that have N/K, or more than N/K, get no further class" },
	{ .name = NULL }
};

const struct fl_by fl_by_exdir = {
	.e = {
		.name = "exdir",
		.title = "Extended Dirichlet",
		.cite = "Li and Lyu, NeurIPS 2023, arXiv 2311.03154; PFLlib",
		.doc = "m classes a client, then Dirichlet shares among a class's holders",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "holders of c drawn until there are max(1, floor(m K / C / 2)); shares of c "
		           "from Dir(alpha 1_K) restricted to them",
	},
	.split = split,
};
