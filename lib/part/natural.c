/* Natural clients: by the group of an example (a writer, a plate, a hospital). */
#include <stdlib.h>

#include "part/groups.h"

enum { MODE_SMALLER, MODE_BIGGER, MODE_DROP, MODE_STRICT };
static const char *const mode_name[] = { "allow-smaller", "allow-bigger", "drop", "strict", NULL };

struct params {
	int64_t group;
	int mode;
};

/* Clients that U ids make, and of how many ids. */
static int count(const struct params *p, size_t U, size_t *K, struct fl_err *e)
{
	size_t g = (size_t)p->group;

	if (p->mode == MODE_STRICT && U % g)
		return fl_fail(e, FL_EDATA, "natural: %zu ids are no multiple of group=%zu: the smallest "
		               "client would have %zu ids", U, g, U % g);
	*K = p->mode == MODE_SMALLER ? (U + g - 1) / g : U / g;
	if (!*K)
		return fl_fail(e, FL_EDATA, "natural: %zu ids do not fill one group of %zu", U, g);
	return 0;
}

static int clients(const void *vp, const struct fl_part *s, size_t *K, struct fl_err *e)
{
	struct fl_groups g;

	return fl_groups_find(s, "natural", &g, e) || count(vp, g.U, K, e) ? -1 : 0;
}

/* Client of the u-th of U ids. */
static uint32_t client_of(const struct params *p, size_t u, size_t U, size_t K)
{
	size_t most = U / K + (U % K > 0), rest = U % K;

	if (p->mode == MODE_BIGGER)	/* as evenly as can be, the first with one more */
		return (uint32_t)(u < rest * most ? u / most : rest + (u - rest * most) / (U / K));
	u /= (size_t)p->group;
	return u < K ? (uint32_t)u : FL_PART_DROPPED;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_groups g;
	size_t K;

	if (fl_groups_find(s, "natural", &g, e) || count(p, g.U, &K, e))
		return -1;
	if (K != s->K)
		return fl_fail(e, FL_EDATA, "natural: %zu ids make %zu clients, not %zu: leave the number "
		               "out, or choose group", g.U, K, s->K);
	for (size_t i = 0; i < s->N; i++)
		s->owner[i] = client_of(p, g.of[i], g.U, K);
	s->tries = 1;
	return 0;
}

static const struct fl_param params[] = {
	{ "group", FL_P_INT, offsetof(struct params, group), "1", 1, 4e9, NULL, "n", "ids a client" },
	{ "mode", FL_P_ENUM, offsetof(struct params, mode), "allow-smaller", 0, 0, mode_name, "how",
	  "ids that group does not divide: a smaller client, bigger ones, none" },
	{ .name = NULL }
};

const struct fl_by fl_by_natural = {
	.e = {
		.name = "natural",
		.title = "Natural clients",
		.cite = "Caldas et al., LEAF, arXiv 1812.01097; Flower datasets",
		.doc = "by the tensor 'group' or 'id' of the data, ids ascending",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "client floor(u / group) for the u-th distinct id; the number of clients "
		           "follows from the data",
	},
	.split = split,
	.clients = clients,
};
