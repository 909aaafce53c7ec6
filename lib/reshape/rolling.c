/* FedRolex: a share of every hidden layer's units, a window that moves on by one unit a round
 * and wraps round, so that every weight has its turn. */
#include "base/num.h"
#include "reshape/width.h"

struct rolling {
	struct fl_width w;
	int64_t step;
};

static const struct fl_param params[] = {
	FL_WIDTH_PARAMS,
	{ "step", FL_P_INT, offsetof(struct rolling, step), "1", 0, 1 << 24, NULL, "n",
	  "units that the window moves on a round" },
	{ 0 }
};

/* (round step) mod n, without overflow. */
static size_t begin(int64_t round, int64_t step, size_t n)
{
	return (size_t)round % n * ((size_t)step % n) % n;
}

static size_t units(const void *pp, const struct fl_reshape_in *in, size_t group, size_t n,
                    size_t *of)
{
	const struct rolling *p = pp;
	size_t m = fl_num_part_up(p->w.ratio, n), from = begin(in->round, p->step, n);

	(void)group;
	for (size_t i = 0; of && i < m; i++)
		of[i] = (from + i) % n;
	return m;
}

const struct fl_reshape fl_reshape_rolling = {
	.e = {
		.name = "rolling",
		.title = "FedRolex",
		.cite = "Alam et al., NeurIPS 2022, arXiv 2212.01548",
		.doc = "a share of every hidden layer's units, which moves on by rounds",
		.params = params,
		.psize = sizeof(struct rolling),
		.formula = "of n units those from (t step) mod n on, ceil(r n), round the end to the "
			   "first; t is the model's round, 0 for the first",
		.note = "The window moves towards higher numbers, as in the paper's formula; in the published "
			"code it moves towards lower ones.",
	},
	.rounds = 1,
	.units = units,
	.which = fl_width_layers,
	.scale = fl_width_scale,
};
