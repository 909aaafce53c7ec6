/* One client specialised in some classes, of which it holds a stated share; all
 * else is uniform. */
#include <inttypes.h>

#include "part/units.h"

struct params {
	int64_t client;
	struct fl_dims classes;
	double share;
	struct fl_unit_params unit;
};

static int is_special(const struct params *p, size_t c)
{
	for (size_t i = 0; i < p->classes.n; i++)
		if ((size_t)p->classes.d[i] == c)
			return 1;
	return 0;
}

static int check(const struct params *p, const struct fl_part *s, struct fl_err *e)
{
	if ((size_t)p->client >= s->K)
		return fl_fail(e, FL_EDATA, "specialised: client=%" PRId64 ", there are %zu", p->client,
		               s->K);
	for (size_t i = 0; i < p->classes.n; i++)
		if ((size_t)p->classes.d[i] >= s->C)
			return fl_fail(e, FL_EDATA, "specialised: class %" PRId64 ", the data have %zu",
			               p->classes.d[i], s->C);
	if (s->K < 2 && p->share < 1)
		return fl_fail(e, FL_EDATA, "specialised: nobody is there to hold the other part");
	return 0;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	double *w = fl_arena_get(s->arena, s->K, sizeof *w, e);
	struct fl_units u;

	if (!w || check(p, s, e) || fl_units_make(s, &p->unit, "specialised", &u, e))
		return -1;
	for (size_t c = 0; c < s->C; c++) {
		int special = is_special(p, c);

		for (size_t k = 0; k < s->K; k++)
			w[k] = !special ? 1 / (double)s->K : k == (size_t)p->client ? p->share :
			       (1 - p->share) / (double)(s->K - 1);
		fl_units_deal(s, &u, c, w);
	}
	return fl_units_done(s, &u, "specialised", e);
}

static const struct fl_param params[] = {
	{ "client", FL_P_INT, offsetof(struct params, client), "0", 0, 4e9, NULL, "k",
	  "the specialised client" },
	{ "classes", FL_P_DIMS, offsetof(struct params, classes), "0", 0, 1e6, NULL, "c+c",
	  "its classes" },
	{ "share", FL_P_REAL, offsetof(struct params, share), "1", 0, 1, NULL, "f",
	  "part of these classes that it holds" },
	FL_PARAMS_UNIT(struct params, unit),
	{ .name = NULL }
};

const struct fl_by fl_by_specialised = {
	.e = {
		.name = "specialised",
		.title = "One specialised client",
		.cite = "Ju, Hellander and Spjuth, bioRxiv 10.1101/2024.02.09.579629",
		.doc = "some classes live with one client at a stated share, the rest is even",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "weights of a special class: share for the client, (1 - share)/(K - 1) for the "
		           "others; of another: 1/K; units are dealt as in unbalanced",
	},
	.split = split,
};
