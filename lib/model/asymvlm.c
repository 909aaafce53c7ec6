/* The adapter of AsymVLM: outputs of the loss asymvlm from a pair's embeddings.
 *   as released     eta = g(t), t as it comes
 *   residual=on     eta = kappa u + g(kappa u), u = t/|t|, g zero at first: training
 *                   begins at the embeddings themselves, all equally certain
 *   mean=fixed      eta = softplus(g(t)) kappa u: only certainty is learnt */
#include "model/adapternet.h"

enum { FREE, FIXED };
enum { POINTS, ADAPTED };

struct asymvlm {
	struct fl_tower tower;
	int dist, residual, mean, images, direction;
	double kappa, tau;
};

static const char *const dist_name[] = { "vmf", "ps", NULL };
static const char *const mean_name[] = { "free", "fixed", NULL };
static const char *const images_name[] = { "fixed", "adapted", NULL };
static const char *const direction_name[] = { "both", "t2i", "i2t", NULL };

static const struct fl_param params[] = {
	FL_TOWER_PARAMS(struct asymvlm),
	{ "dist", FL_P_ENUM, offsetof(struct asymvlm, dist), "vmf", 0, 0, dist_name, "name",
	  "distribution of a text: von Mises-Fisher or Power Spherical" },
	{ "residual", FL_P_BOOL, offsetof(struct asymvlm, residual), "off", 0, 0, NULL, NULL,
	  "begin at the embeddings, the network adds to them" },
	{ "mean", FL_P_ENUM, offsetof(struct asymvlm, mean), "free", 0, 0, mean_name, "how",
	  "whether means are learnt or stay the texts' directions" },
	{ "images", FL_P_ENUM, offsetof(struct asymvlm, images), "fixed", 0, 0, images_name, "what",
	  "points, or distributions of their own (symmetric; vmf only)" },
	{ "direction", FL_P_ENUM, offsetof(struct asymvlm, direction), "both", 0, 0,
	  direction_name, "way", "which way pairs are told apart" },
	{ "kappa", FL_P_REAL, offsetof(struct asymvlm, kappa), "10", 1e-3, 1e6, NULL, "x",
	  "concentration at the start of residual=on and, nearly, mean=fixed" },
	{ "tau", FL_P_REAL, offsetof(struct asymvlm, tau), NULL, 1e-6, 1e6, NULL, "x",
	  "first temperature; unset: 1, or 100/kappa if kappa is used" },
	{ 0 }
};

/* Publication's temperature, or the logit scale of CLIP. */
static double tau(const struct asymvlm *p)
{
	if (p->tau > 0)
		return p->tau;
	return p->residual || p->mean == FIXED ? 100 / p->kappa : 1;
}

/* Layers behind a slice that make eta of the embedding there. */
static void eta(const struct asymvlm *p, struct fl_str *out)
{
	const struct fl_tower *t = &p->tower;

	if (p->mean == FIXED) {
		fl_str_add(out, ",{\"layer\":\"product\",\"name\":\"etta\",\"body\":[{\"layer\":\"unit\"},");
		fl_tower_mlp(t, "", 1, 1, out);
		fl_str_add(out, ",{\"layer\":\"softplus\"}],\"shortcut\":[{\"layer\":\"unit\",\"length\":");
		fl_str_addnum(out, p->kappa);
		fl_str_add(out, "}]}");
	} else if (p->residual) {
		fl_str_add(out, ",{\"layer\":\"unit\",\"length\":");
		fl_str_addnum(out, p->kappa);
		fl_str_add(out, "},{\"layer\":\"residual\",\"name\":\"etta\",\"body\":[");
		fl_tower_mlp(t, "", t->dim, 1, out);
		fl_str_add(out, "]}");
	} else {
		fl_str_addc(out, ',');
		fl_tower_mlp(t, "etta.", t->dim, 0, out);
	}
}

static void tower(const struct asymvlm *p, const char *name, int64_t at, struct fl_str *out)
{
	fl_str_addf(out, "{\"layer\":\"concat\",\"name\":\"%s\",\"body\":[", name);
	fl_tower_slice(&p->tower, at, out);
	eta(p, out);
	fl_str_add(out, "]");
}

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct asymvlm *p = block;
	const struct fl_tower *t = &p->tower;

	if (p->mean == FIXED && p->residual)
		return fl_fail(e, FL_EUSAGE, "mean=fixed leaves nothing to add to: not with residual=on");
	fl_tower_open(t, out);
	if (p->images == ADAPTED) {
		tower(p, "image_adaptor", 1, out);
		fl_str_add(out, "},");
		tower(p, "text_adaptor", 1, out);
		fl_str_addf(out, "},{\"layer\":\"slice\",\"size\":%lld}", 2 * (long long)t->dim);
	} else {
		tower(p, "text_adaptor", 0, out);
		fl_str_add(out, ",\"shortcut\":[");
		fl_tower_slice(t, 1, out);
		fl_str_add(out, ",{\"layer\":\"unit\"}]}");
	}
	fl_str_add(out, ",{\"layer\":\"append\",\"name\":\"text_adaptor\",\"tensor\":\"temperature\","
	           "\"scalar\":true,\"init\":");
	fl_str_addnum(out, tau(p));
	fl_str_addf(out, "}],\"loss\":\"asymvlm:dist=%s,direction=%s,images=%s\"}",
	            dist_name[p->dist], direction_name[p->direction], images_name[p->images]);
	return fl_str_check(out, e);
}

static const struct fl_recipe recipe = {
	.opt = "sgd:lr=0.01,momentum=0.9,wd=0.0005", .epochs = 200, .batch = 2048, .lr_end = 1e-6,
};

const struct fl_arch fl_arch_asymvlm = {
	.e = {
		.name = "asymvlm",
		.title = "AsymVLM adapter",
		.cite = "Ju et al., NeurIPS 2025, arXiv 2505.11029",
		.doc = "texts as distributions on the sphere about frozen images",
		.params = params,
		.psize = sizeof(struct asymvlm),
		.formula = "eta = mlp(t); kappa = |eta|, mu = eta/kappa; z = image/|image|; "
		           "uncertainty 1/kappa",
	},
	.json = json,
	.recipe = &recipe,
};
