/* FCUBE: points of a cube, labelled by the side of one plane; each of four clients has
 * two octants that mirror each other in the centre. Inputs differ, labels do not. */
#include "base/num.h"
#include "base/rng.h"
#include "data/source.h"
#include "tensor/meta.h"

#define CLIENTS ((size_t)4)

struct params {
	int64_t n, seed;
};

/* Point i of client k: an octant by the bits of k, every other point mirrored. */
static int64_t draw(struct fl_rng *r, size_t k, size_t i, float *x)
{
	float mirror = i % 2 ? -1 : 1;

	x[0] = mirror * (float)fl_rng_open(r);
	x[1] = mirror * (k > 1 ? -1 : 1) * (float)fl_rng_open(r);
	x[2] = mirror * (k % 2 ? -1 : 1) * (float)fl_rng_open(r);
	return i % 2;
}

static int read_fcube(const void *vp, struct fl_tset *rec, struct fl_err *e)
{
	const struct params *p = vp;
	size_t n = (size_t)p->n, N = CLIENTS * n, dim[] = { N, 3 };
	const struct fl_tensor *x, *y, *group;

	if (!fl_tset_add(rec, "x", FL_F32, 2, dim, NULL, e) ||
	    !fl_tset_add(rec, "y", FL_I64, 1, &N, NULL, e) ||
	    !fl_tset_add(rec, "group", FL_I64, 1, &N, NULL, e))
		return -1;
	x = fl_tset_find(rec, "x");
	y = fl_tset_find(rec, "y");
	group = fl_tset_find(rec, "group");
	for (size_t k = 0; k < CLIENTS; k++) {
		struct fl_rng r;

		fl_rng_init(&r, (uint64_t)p->seed, 0, k, FL_RNG_DATA, 0);
		for (size_t i = k * n; i < (k + 1) * n; i++) {
			((int64_t *)y->data)[i] = draw(&r, k, i - k * n, (float *)x->data + 3 * i);
			((int64_t *)group->data)[i] = (int64_t)k;
		}
	}
	return fl_meta_set_kind(rec, FL_KIND_DATA, e) || fl_meta_set(rec, "fl.classes", "2", e) ? -1 : 0;
}

static const struct fl_param params[] = {
	{ "n", FL_P_INT, offsetof(struct params, n), "1000", 2, 1e8, NULL, "n", "points a client" },
	{ "seed", FL_P_INT, offsetof(struct params, seed), "0", 0, 9e15, NULL, "n", "random seed" },
	{ .name = NULL }
};

const struct fl_source fl_data_fcube = {
	.e = {
		.name = "fcube",
		.title = "FCUBE",
		.cite = "Li et al., NIID-Bench, ICDE 2022, arXiv 2102.02079",
		.doc = "points of a cube, two mirrored octants a client; split it by natural",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "u ~ U(0,1)^3 into octant (+,s_k,t_k), every other point to -u; y = (x_1 < 0)",
	},
	.read = read_fcube,
};
