/* HeteroFL: the first share of every hidden layer's units. */
#include "base/num.h"
#include "reshape/width.h"

static const struct fl_param params[] = { FL_WIDTH_PARAMS, { 0 } };

const char *fl_width_layers(const void *p)
{
	return ((const struct fl_width *)p)->layers;
}

double fl_width_scale(const void *p)
{
	const struct fl_width *w = p;

	return w->scaler ? w->ratio : 1;
}

static size_t units(const void *p, const struct fl_reshape_in *in, size_t group, size_t n,
                    size_t *of)
{
	size_t m = fl_num_part_up(((const struct fl_width *)p)->ratio, n);

	(void)in;
	(void)group;
	for (size_t i = 0; of && i < m; i++)
		of[i] = i;
	return m;
}

const struct fl_reshape fl_reshape_width = {
	.e = {
		.name = "width",
		.title = "HeteroFL",
		.cite = "Diao, Ding and Tarokh, ICLR 2021, arXiv 2010.01264",
		.doc = "the first share of every hidden layer's units",
		.params = params,
		.psize = sizeof(struct fl_width),
		.formula = "of n units the first ceil(r n), and what reads them; with scaler, these "
			   "divided by r in training",
		.note = "Running statistics of batch normalisation are cut and combined as they are; the "
			"published code makes them anew for tests.",
	},
	.units = units,
	.which = fl_width_layers,
	.scale = fl_width_scale,
};
