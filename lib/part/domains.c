/* Clients of domains: the data's groups (hospitals, microscopes, photographs and
 * sketches) are dealt to clients, several of which may share one. */
#include "part/groups.h"

static int clients(const void *p, const struct fl_part *s, size_t *K, struct fl_err *e)
{
	struct fl_groups g;

	(void)p;
	if (fl_groups_find(s, "domains", &g, e))
		return -1;
	*K = g.U;
	return 0;
}

static int split(const void *p, struct fl_part *s, struct fl_err *e)
{
	struct fl_groups g;
	uint32_t *row;
	size_t *next;	/* (D) client of the domain that is dealt to next */

	(void)p;
	if (fl_groups_find(s, "domains", &g, e))
		return -1;
	if (s->K < g.U)
		return fl_fail(e, FL_EDATA, "domains: %zu clients cannot be of %zu domains", s->K, g.U);
	if (!(row = fl_part_permutation(s, e)) || !(next = fl_arena_get(s->arena, g.U, sizeof *next, e)))
		return -1;
	for (size_t u = 0; u < g.U; u++)
		next[u] = u;
	for (size_t i = 0; i < s->N; i++) {
		size_t u = g.of[row[i]];

		s->owner[row[i]] = (uint32_t)next[u];
		next[u] += g.U;
		if (next[u] >= s->K)
			next[u] = u;
	}
	s->tries = 1;
	return fl_part_check(s, "domains", e);
}

const struct fl_by fl_by_domains = {
	.e = {
		.name = "domains",
		.title = "Domains",
		.cite = "Li et al., FedBN, ICLR 2021, arXiv 2102.07623",
		.doc = "every client of one domain, a group of the data; several may share it",
		.formula = "client k is of the (k mod D)-th of D domains, ids ascending; a domain's "
		           "examples, in random order, are dealt to its clients in turn",
	},
	.split = split,
	.clients = clients,
};
