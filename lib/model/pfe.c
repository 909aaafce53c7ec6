/* The adapter of PFE: variances of texts and of images, whose embeddings stay. */
#include "model/adapternet.h"

struct pfe {
	struct fl_tower tower;
};

static const struct fl_param params[] = {
	FL_TOWER_PARAMS(struct pfe),
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct fl_tower *t = &((const struct pfe *)block)->tower;

	fl_tower_open(t, out);
	fl_tower_logvar(t, "text_adaptor", 0, ",{\"layer\":\"softplus\"}", out);
	fl_str_addc(out, ',');
	fl_tower_logvar(t, "image_adaptor", 2, ",{\"layer\":\"softplus\"}", out);
	fl_str_add(out, "],\"loss\":\"pfe\"}");
	return fl_str_check(out, e);
}

static const struct fl_recipe recipe = {
	.opt = "sgd:lr=0.001,momentum=0.9,wd=0.0005", .epochs = 200, .batch = 2048, .lr_end = 1e-6,
};

const struct fl_arch fl_arch_pfe = {
	.e = {
		.name = "pfe",
		.title = "PFE adapter",
		.cite = "Shi and Jain, ICCV 2019, arXiv 1904.09658; as an adapter: arXiv 2505.11029",
		.doc = "variances about frozen embeddings of both sides",
		.params = params,
		.psize = sizeof(struct pfe),
		.formula = "v = softplus(mlp(x)) of either side; uncertainty mean_d v",
	},
	.json = json,
	.recipe = &recipe,
};
