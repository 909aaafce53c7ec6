/* The adapter of PCME++: log variances of texts and of images, whose directions stay. */
#include "model/adapternet.h"

struct pcmepp {
	struct fl_tower tower;
	int score;
};

static const char *const score_name[] = { "cosine", "csd", NULL };

static const struct fl_param params[] = {
	FL_TOWER_PARAMS(struct pcmepp),
	{ "score", FL_P_ENUM, offsetof(struct pcmepp, score), "cosine", 0, 0, score_name, "name",
	  "comparison afterwards: cosine, as published, or csd" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct pcmepp *p = block;
	const struct fl_tower *t = &p->tower;

	fl_tower_open(t, out);
	fl_tower_unit(t, out);
	fl_str_addc(out, ',');
	fl_tower_logvar(t, "txt_enc", 0, "", out);
	fl_str_addc(out, ',');
	fl_tower_logvar(t, "img_enc", 2, "", out);
	fl_str_add(out, ",{\"layer\":\"append\",\"name\":\"loss_func\",\"tensor\":\"shift\",\"init\":5},"
	           "{\"layer\":\"append\",\"name\":\"loss_func\",\"tensor\":\"negative_scale\",\"init\":5}");
	fl_str_addf(out, "],\"loss\":\"pcmepp:score=%s\"}", score_name[p->score]);
	return fl_str_check(out, e);
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
		.params = params,
		.psize = sizeof(struct pcmepp),
		.formula = "u = x/|x|, log v = mlp(u) of either side; uncertainty mean_d v",
	},
	.json = json,
	.recipe = &recipe,
};
