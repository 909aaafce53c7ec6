/* The adapter of ProbVLM: both embeddings rebuilt, with generalised Gaussian noise.
 * mean=fixed has no block_mu. */
#include "model/adapternet.h"

enum { FREE, FIXED };
static const char *const mean_name[] = { "free", "fixed", NULL };

struct probvlm {
	struct fl_tower tower;
	int mean;
};

static const struct fl_param params[] = {
	FL_TOWER_PARAMS(struct probvlm),
	{ "mean", FL_P_ENUM, offsetof(struct probvlm, mean), "free", 0, 0, mean_name, "how",
	  "whether means are learnt or stay the embeddings" },
	{ 0 }
};

static void linear(const char *name, int64_t outputs, struct fl_str *out)
{
	fl_str_addf(out, "{\"layer\":\"linear\",\"name\":\"%s\",\"out\":%lld}", name,
	            (long long)outputs);
}

/* x + mlp(x), two hidden layers. */
static void trunk(const struct fl_tower *t, struct fl_str *out)
{
	fl_str_add(out, ",{\"layer\":\"residual\",\"name\":\"mod\",\"body\":[");
	linear("0", t->hidden, out);
	fl_str_add(out, ",{\"layer\":\"relu\"},");
	linear("2", t->hidden, out);
	fl_str_add(out, ",{\"layer\":\"relu\"},");
	linear("5", t->dim, out);
	fl_str_add(out, "]}");
}

/* A head over the trunk's output, which stands behind the `at` heads before it. */
static void head(const struct fl_tower *t, const char *name, int64_t at, int positive,
                 struct fl_str *out)
{
	fl_str_addf(out, ",{\"layer\":\"concat\",\"name\":\"%s\",\"body\":[", name);
	fl_tower_slice(t, at, out);
	fl_str_addc(out, ',');
	linear("0", t->dim, out);
	fl_str_add(out, ",{\"layer\":\"relu\"},");
	linear("2", t->dim, out);
	fl_str_add(out, positive ? ",{\"layer\":\"softplus\"}]}" : "]}");
}

/* A block NAME that puts the heads over the part at `at` before all there is. */
static void tower(const struct probvlm *p, const char *name, int64_t at, struct fl_str *out)
{
	const struct fl_tower *t = &p->tower;
	int64_t heads = 0;

	fl_str_addf(out, "{\"layer\":\"concat\",\"name\":\"%s\",\"body\":[", name);
	fl_tower_slice(t, at, out);
	trunk(t, out);
	if (p->mean == FREE)
		head(t, "block_mu", heads++, 0, out);
	head(t, "block_alpha", heads++, 1, out);
	head(t, "block_beta", heads++, 1, out);
	fl_str_addf(out, ",{\"layer\":\"slice\",\"size\":%lld}]}", (long long)(heads * t->dim));
}

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct probvlm *p = block;

	fl_tower_open(&p->tower, out);
	tower(p, "txt_BayesCap", 0, out);
	fl_str_addc(out, ',');
	tower(p, "img_BayesCap", p->mean == FREE ? 4 : 3, out);
	fl_str_addf(out, "],\"loss\":\"probvlm:mean=%s\"}", mean_name[p->mean]);
	return fl_str_check(out, e);
}

static const struct fl_recipe recipe = {
	.opt = "adamw:lr=0.0001,wd=0.0005", .epochs = 200, .batch = 2048, .lr_end = 1e-6,
};

const struct fl_arch fl_arch_probvlm = {
	.e = {
		.name = "probvlm",
		.title = "ProbVLM adapter",
		.cite = "Upadhyay et al., ICCV 2023, arXiv 2307.00398; as an adapter: arXiv 2505.11029",
		.doc = "both embeddings rebuilt under generalised Gaussian noise",
		.params = params,
		.psize = sizeof(struct probvlm),
		.formula = "h = x + mlp(x); mean, 1/alpha, beta = heads of h, of either side; "
		           "uncertainty mean_d alpha^2 Gamma(3/beta)/Gamma(1/beta)",
	},
	.json = json,
	.recipe = &recipe,
};
