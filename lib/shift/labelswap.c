/* Concept shift: groups of clients call the same things by other names. */
#include <stdlib.h>
#include <string.h>

#include "shift/shift.h"

struct params {
	int64_t groups, pairs;
};

/* map(C): pairs of classes, random for each group, exchanged. */
static void draw(const struct params *p, const struct fl_shift_in *in, size_t g, uint32_t *map,
                 uint32_t *order)
{
	struct fl_rng r;

	for (size_t c = 0; c < in->C; c++)
		map[c] = order[c] = (uint32_t)c;
	if (!g)
		return;
	fl_shift_rng(&r, in, g, UINT64_MAX);
	fl_rng_shuffle(&r, order, in->C);
	for (size_t i = 0; i < (size_t)p->pairs; i++) {
		map[order[2 * i]] = order[2 * i + 1];
		map[order[2 * i + 1]] = order[2 * i];
	}
}

static void rename_labels(const struct fl_tensor *y, const uint32_t *map)
{
	size_t size = fl_dtype_size(y->dtype);

	for (size_t i = 0; i < y->n; i++) {
		unsigned char *at = (unsigned char *)y->data + i * size;
		int64_t v;
		double old;

		fl_dtype_to_f64(y->dtype, at, &old, 1);
		if (old < 0)	/* not labelled */
			continue;
		v = map[(size_t)old];
		memcpy(at, &v, size);	/* little-endian: the low bytes */
	}
}

static int apply(const void *vp, const struct fl_shift_in *in, struct fl_tset *rec,
                 struct fl_err *e)
{
	const struct params *p = vp;
	const struct fl_tensor *y = fl_tset_find(rec, "y");
	uint32_t *map;

	if (!y)
		return 0;
	if ((size_t)p->pairs > in->C / 2)
		return fl_fail(e, FL_EDATA, "labelswap: pairs=%lld, %zu classes make %zu",
		               (long long)p->pairs, in->C, in->C / 2);
	if (!(map = fl_alloc(2 * in->C, sizeof *map, e)))
		return -1;
	draw(p, in, in->k % (size_t)p->groups, map, map + in->C);
	rename_labels(y, map);
	free(map);
	return 0;
}

static const struct fl_param params[] = {
	{ "groups", FL_P_INT, offsetof(struct params, groups), "2", 1, 1e9, NULL, "n",
	  "groups of clients: client k is in k mod groups; group 0 stays" },
	{ "pairs", FL_P_INT, offsetof(struct params, pairs), "1", 0, 1e6, NULL, "n",
	  "pairs of classes that the other groups exchange" },
	{ .name = NULL }
};

const struct fl_shift fl_shift_labelswap = {
	.e = {
		.name = "labelswap",
		.title = "Exchanged labels",
		.cite = "Sattler et al., Clustered FL, IEEE TNNLS 2020, arXiv 1910.01991",
		.doc = "groups of clients exchange the labels of random pairs of classes",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "in group g > 0, classes a_i and b_i change places, i <= pairs, drawn by g",
	},
	.parts = 1,
	.apply = apply,
};
