/* Net2WiderNet: more units that are copies of those there are, each copy worth its share to
 * those that read it, so that the net computes what it did. */
#include "base/num.h"
#include "base/rng.h"
#include "reshape/reshape.h"

struct widen {
	double factor;
	const char *layers;
};

static const struct fl_param params[] = {
	{ "factor", FL_P_REAL, offsetof(struct widen, factor), "2", 1, 64, NULL, "f",
	  "how many times as many units a hidden layer has" },
	{ "layers", FL_P_STR, offsetof(struct widen, layers), NULL, 0, 0, NULL, "glob[+glob]",
	  "hidden layers, by name; not set, all" },
	{ 0 }
};

/* All there are, then others that are drawn from them. */
static size_t units(const void *pp, const struct fl_reshape_in *in, size_t group, size_t n,
                    size_t *of)
{
	size_t m = fl_num_part_up(((const struct widen *)pp)->factor, n);
	struct fl_rng r;

	fl_rng_init(&r, in->seed, 0, group, FL_RNG_WIDEN, 0);
	for (size_t i = 0; of && i < m; i++)
		of[i] = i < n ? i : (size_t)fl_rng_below(&r, n);
	return m;
}

static const char *which(const void *p)
{
	return ((const struct widen *)p)->layers;
}

const struct fl_reshape fl_reshape_widen = {
	.e = {
		.name = "widen",
		.title = "Net2WiderNet",
		.cite = "Chen, Goodfellow and Shlens, ICLR 2016, arXiv 1511.05641",
		.doc = "more units in hidden layers, copies, of an equal function",
		.params = params,
		.psize = sizeof(struct widen),
		.formula = "units 0..n-1, then copies of g(j) drawn among them; W_in,j = W_in,g(j); "
			   "W_out,j = W_out,g(j) / copies of g(j)",
	},
	.grows = 1,
	.units = units,
	.which = which,
};
