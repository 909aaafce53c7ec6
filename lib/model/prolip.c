/* The adapter of ProLIP: log variances of texts and of images, whose directions stay. */
#include "model/adapternet.h"

struct prolip {
	struct fl_tower tower;
	int score;
};

static const char *const score_name[] = { "cosine", "csd", NULL };

static const struct fl_param params[] = {
	FL_TOWER_PARAMS(struct prolip),
	{ "score", FL_P_ENUM, offsetof(struct prolip, score), "cosine", 0, 0, score_name, "name",
	  "comparison afterwards: cosine, as published, or csd" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct prolip *p = block;
	const struct fl_tower *t = &p->tower;

	fl_tower_open(t, out);
	fl_tower_unit(t, out);
	fl_str_addc(out, ',');
	fl_tower_logvar(t, "txt_enc", 0, "", out);
	fl_str_addc(out, ',');
	fl_tower_logvar(t, "img_enc", 2, "", out);
	fl_str_addf(out, "],\"loss\":\"prolip:score=%s\"}", score_name[p->score]);
	return fl_str_check(out, e);
}

static const struct fl_recipe recipe = {
	.opt = "adamw:lr=0.0005,wd=0.0005", .epochs = 200, .batch = 2048, .lr_end = 1e-6,
};

const struct fl_arch fl_arch_prolip = {
	.e = {
		.name = "prolip",
		.title = "ProLIP adapter",
		.cite = "Chun et al., ICLR 2025, arXiv 2410.18857; as an adapter: arXiv 2505.11029",
		.doc = "log variances about frozen directions, by inner products",
		.params = params,
		.psize = sizeof(struct prolip),
		.formula = "u = x/|x|, log v = mlp(u) of either side; uncertainty mean_d v",
	},
	.json = json,
	.recipe = &recipe,
};
