/* The CIFAR-10 network of the pfl-research benchmarks, with its tensor names
 * (module 0 there only swaps dimensions) and its initial weights. */
#include "model/model.h"

#define INIT "\"init\":\"glorot\""

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	(void)block;
	fl_str_add(out, "{\"input\":[3,32,32],\"layers\":["
	           "{\"layer\":\"conv2d\",\"name\":\"1\",\"out\":32," INIT "},{\"layer\":\"relu\"},"
	           "{\"layer\":\"conv2d\",\"name\":\"3\",\"out\":64," INIT "},{\"layer\":\"relu\"},"
	           "{\"layer\":\"maxpool\"},{\"layer\":\"dropout\",\"p\":0.25},{\"layer\":\"flatten\"},"
	           "{\"layer\":\"linear\",\"name\":\"8\",\"out\":128," INIT "},{\"layer\":\"relu\"},"
	           "{\"layer\":\"dropout\"},"
	           "{\"layer\":\"linear\",\"name\":\"11\",\"out\":10," INIT "}]}");
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_pfl_cnn = {
	.e = {
		.name = "pfl-cnn",
		.title = "CNN of pfl-research",
		.cite = "Granqvist et al., NeurIPS 2024, arXiv 2404.06430",
		.doc = "3x32x32, convolutions 32-64, one pooling, 128-10",
		.formula = "h = maxpool2 relu(conv3x3 relu(conv3x3 x)); z = mlp_128(h)",
	},
	.json = json,
};
