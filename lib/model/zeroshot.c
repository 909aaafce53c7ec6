/* The zero-shot classifier as a model: cosines with class texts, times a scale. */
#include "model/fit.h"

struct zeroshot {
	int64_t dim, classes;
	double scale;
};

static const struct fl_param params[] = {
	{ "dim", FL_P_INT, offsetof(struct zeroshot, dim), "512", 1, 1 << 20, NULL, "n",
	  "numbers of an embedding" },
	{ "classes", FL_P_INT, offsetof(struct zeroshot, classes), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ "scale", FL_P_REAL, offsetof(struct zeroshot, scale), "100", 0, 1e6, NULL, "x",
	  "what cosines are multiplied by" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct zeroshot *p = block;

	fl_fit_texts_json(out, p->dim, p->classes, p->scale);
	fl_str_add(out, "]}");
	return fl_str_check(out, e);
}

static int fit(const void *block, const struct fl_fit *f, const struct fl_net *net, fl_real *w,
               struct fl_str *log, struct fl_err *e)
{
	float scale = (float)((const struct zeroshot *)block)->scale;

	(void)log;
	return fl_fit_put_texts(f, net, w, e) || fl_fit_put(net, w, "scale.weight", &scale, e) ? -1 : 0;
}

const struct fl_arch fl_arch_zeroshot = {
	.e = {
		.name = "zeroshot",
		.title = "Zero-shot classifier",
		.cite = "Radford et al., ICML 2021, arXiv 2103.00020",
		.doc = "cosines of an image with class texts",
		.params = params,
		.psize = sizeof(struct zeroshot),
		.formula = "z_c = scale <x, t_c>, x and t_c of unit length",
	},
	.json = json,
	.fit = fit,
};
