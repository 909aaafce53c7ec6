/* The plain contrastive adapter: both sides through a network of their own, compared by
 * their cosines at a temperature that is learnt.
 *   residual=on   y = u + g(u), u = x/|x|, g zero at first: training begins at the
 *                 embeddings themselves
 *   residual=off  y = g(u), of any width: texts and images need not be of one space */
#include <math.h>

#include "base/fmath.h"
#include "model/model.h"

enum { HOW_OFF, HOW_ON };

struct clip {
	int64_t dim, image, out, hidden;
	int residual, learn, direction;
	double tau, intra;
	struct fl_dims prefixes;
};

static const char *const residual_name[] = { "off", "on", NULL };
static const char *const direction_name[] = { "both", "t2i", "i2t", NULL };

static const struct fl_param params[] = {
	{ "dim", FL_P_INT, offsetof(struct clip, dim), "512", 2, 1 << 16, NULL, "n",
	  "width of the embeddings, or of texts'" },
	{ "image", FL_P_INT, offsetof(struct clip, image), NULL, 2, 1 << 16, NULL, "n",
	  "width of images' embeddings; unset: dim" },
	{ "out", FL_P_INT, offsetof(struct clip, out), NULL, 2, 1 << 16, NULL, "n",
	  "width of what both become; unset: dim" },
	{ "hidden", FL_P_INT, offsetof(struct clip, hidden), "1024", 0, 1 << 16, NULL, "n",
	  "width of the hidden layer; 0: none, a linear map" },
	{ "residual", FL_P_ENUM, offsetof(struct clip, residual), NULL, 0, 0, residual_name, "how",
	  "begin at the embeddings; unset: on where all widths are one" },
	{ "tau", FL_P_REAL, offsetof(struct clip, tau), "0.07", 1e-2, 100, NULL, "x",
	  "temperature, or the first one" },
	{ "learn", FL_P_BOOL, offsetof(struct clip, learn), "on", 0, 0, NULL, NULL,
	  "the temperature is learnt, from 0.01 up" },
	{ "direction", FL_P_ENUM, offsetof(struct clip, direction), "both", 0, 0, direction_name, "way",
	  "which way pairs are told apart" },
	{ "intra", FL_P_REAL, offsetof(struct clip, intra), NULL, 0, 100, NULL, "c",
	  "weight of likeness to others of the own side as negatives; unset: none" },
	{ "prefixes", FL_P_DIMS, offsetof(struct clip, prefixes), "none", 1, 1 << 16, NULL, "n+n",
	  "lengths at which embeddings are to serve if they are cut there" },
	{ 0 }
};

/* Layers of one side, whose tensors are adaptor.SIDE.0 and .2 either way. */
static void network(const struct clip *p, const char *prefix, int64_t out, int zero,
                    struct fl_str *s)
{
	if (p->hidden)
		fl_str_addf(s, "{\"layer\":\"linear\",\"name\":\"%s0\",\"out\":%lld},{\"layer\":\"relu\"},",
		            prefix, (long long)p->hidden);
	fl_str_addf(s, "{\"layer\":\"linear\",\"name\":\"%s%d\",\"out\":%lld%s}", prefix, p->hidden ? 2 : 0,
	            (long long)out, zero ? ",\"init\":\"zero\"" : "");
}

static void tower(const struct clip *p, const char *side, int64_t out, int residual, struct fl_str *s)
{
	struct fl_str prefix = FL_STR_INIT;

	if (!residual)
		fl_str_addf(&prefix, "%s.", side);
	fl_str_addf(s, "{\"layer\":\"part\",\"of\":\"%s\"},{\"layer\":\"unit\"},", side);
	if (residual)
		fl_str_addf(s, "{\"layer\":\"residual\",\"name\":\"%s\",\"body\":[", side);
	network(p, fl_str_c(&prefix), out, residual, s);
	if (residual)
		fl_str_add(s, "]}");
	s->oom |= prefix.oom;
	fl_str_release(&prefix);
}

static void loss(const struct clip *p, struct fl_str *s)
{
	fl_str_addf(s, "],\"loss\":\"clip:direction=%s", direction_name[p->direction]);
	fl_str_add(s, p->learn ? ",learn=on" : ",tau=");
	if (!p->learn)
		fl_str_addnum(s, p->tau);
	if (!isnan(p->intra)) {
		fl_str_add(s, ",intra=");
		fl_str_addnum(s, p->intra);
	}
	for (size_t i = 0; i < p->prefixes.n; i++)
		fl_str_addf(s, "%s%lld", i ? "+" : ",prefixes=", (long long)p->prefixes.d[i]);
	fl_str_add(s, "\"}");
}

static int json(const void *block, struct fl_str *s, struct fl_err *e)
{
	const struct clip *p = block;
	int64_t image = p->image == FL_UNSET ? p->dim : p->image;
	int64_t out = p->out == FL_UNSET ? p->dim : p->out;
	int same = image == p->dim && out == p->dim;

	if (p->residual == HOW_ON && !same)
		return fl_fail(e, FL_EUSAGE, "residual=on adds to embeddings, so dim, image and out are one; "
		               "not %lld, %lld and %lld", (long long)p->dim, (long long)image, (long long)out);
	same = same && p->residual != HOW_OFF;
	fl_str_addf(s, "{\"parts\":{\"text\":%lld,\"image\":%lld},\"layers\":[{\"layer\":\"concat\",\"name\":"
	            "\"adaptor\",\"body\":[", (long long)p->dim, (long long)image);
	tower(p, "text", out, same, s);
	fl_str_add(s, "],\"shortcut\":[");
	tower(p, "image", out, same, s);
	fl_str_add(s, "]}");
	if (p->learn) {
		fl_str_add(s, ",{\"layer\":\"append\",\"name\":\"adaptor\",\"tensor\":\"logit_scale\","
		           "\"scalar\":true,\"init\":");
		fl_str_addnum(s, -fl_log(p->tau));
		fl_str_add(s, "}");
	}
	loss(p, s);
	return fl_str_check(s, e);
}

static const struct fl_recipe recipe = {
	.opt = "adamw:lr=0.0005,wd=0.0001", .epochs = 200, .batch = 2048, .lr_end = 1e-6,
};

const struct fl_arch fl_arch_clip = {
	.e = {
		.name = "clip",
		.title = "Contrastive adapter",
		.cite = "loss: Radford et al., ICML 2021, arXiv 2103.00020; residual: Gao et al., CLIP-Adapter, "
		        "arXiv 2110.04544",
		.doc = "both sides through a small network, drawn together by CLIP's loss",
		.params = params,
		.psize = sizeof(struct clip),
		.formula = "u = x/|x|, y = u + g(u) or g(u) of either side; score cos(y_t, y_i)",
		.note = "What vlm-adapt does unless told is what the other adapters do, and of no paper.",
	},
	.json = json,
	.recipe = &recipe,
};
