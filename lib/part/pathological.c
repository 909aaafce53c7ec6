/* Quantity-based label skew: m classes a client, each class dealt evenly to those
 * that hold it. A class that nobody holds is left out. */
#include "base/num.h"
#include "part/holders.h"

struct params {
	int64_t m;
	int assign;
};

/* Examples row(n) of class c, the first holders getting one more. */
static void deal(struct fl_part *s, const unsigned char *may, const uint32_t *row, size_t n)
{
	size_t H = 0, h = 0, i = 0;

	for (size_t k = 0; k < s->K; k++)
		H += may[k];
	for (size_t k = 0; k < s->K; k++)
		if (may[k])
			for (size_t m = fl_part_even(n, h++, H); m; m--)
				s->owner[row[i++]] = (uint32_t)k;
	while (i < n)
		s->owner[row[i++]] = FL_PART_DROPPED;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	size_t *start = fl_arena_get(s->arena, s->C + 1, sizeof *start, e), cells;
	unsigned char *may;
	uint32_t *rows;

	if ((uint64_t)p->m > s->C)
		return fl_fail(e, FL_EDATA, "pathological: m=%lld classes a client, the data have %zu",
		               (long long)p->m, s->C);
	if (fl_mul(s->C, s->K, &cells))
		return fl_fail_mem(e, SIZE_MAX);
	if (!start || !(may = fl_arena_get(s->arena, cells, 1, e)) ||
	    fl_part_holders(s, p->assign, (size_t)p->m, 0, may, e) ||
	    !(rows = fl_part_by_label_shuffled(s, start, e)))
		return -1;
	for (size_t c = 0; c < s->C; c++)
		deal(s, may + c * s->K, rows + start[c], start[c + 1] - start[c]);
	s->tries = 1;
	return fl_part_check(s, "pathological", e);
}

static const struct fl_param params[] = {
	{ "m", FL_P_INT, offsetof(struct params, m), "2", 1, 1e6, NULL, "n", "classes a client" },
	{ "assign", FL_P_ENUM, offsetof(struct params, assign), "random", 0, 0, fl_assign_name, "how",
	  "random; rotate: (k + i) mod C; first: k mod C and others at random" },
	{ .name = NULL }
};

const struct fl_by fl_by_pathological = {
	.e = {
		.name = "pathological",
		.title = "Classes a client",
		.cite = "Li et al., NIID-Bench, ICDE 2022, arXiv 2102.02079; Flower datasets",
		.doc = "m classes a client, each dealt evenly to its holders",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "holder h of H of a class of n examples gets floor(n/H), the first n mod H "
		           "one more; classes that nobody holds are left out",
	},
	.split = split,
};
