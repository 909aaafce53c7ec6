/* The adapter of PCME++: log variances of texts and of images, whose directions stay. */
#include "model/adapternet.h"

static int json(const void *p, struct fl_str *out, struct fl_err *e)
{
	return fl_logvars_json(p, ",{\"layer\":\"append\",\"name\":\"loss_func\",\"tensor\":\"shift\",\"init\":5},"
	                       "{\"layer\":\"append\",\"name\":\"loss_func\",\"tensor\":\"negative_scale\",\"init\":5}",
	                       "pcmepp", out, e);
}

static const struct fl_recipe recipe = {
	.opt = "adamw:lr=0.0005,wd=0.0001", .epochs = 200, .batch = 2048, .lr_end = 1e-6,
};

const struct fl_arch fl_arch_pcmepp = {
	.e = {
		.name = "pcmepp",
		.title = "PCME++ adapter",
		.cite = "Chun, ICLR 2024, arXiv 2305.18171; as an adapter: arXiv 2505.11029",
		.doc = "log variances about frozen directions, by sampled distances",
		.params = fl_logvars_params,
		.psize = sizeof(struct fl_logvars),
		.formula = "u = x/|x|, log v = mlp(u) of either side; uncertainty mean_d v",
	},
	.json = json,
	.recipe = &recipe,
};
