/* Inner products with given rows: the class texts of a zero-shot classifier. A linear
 * layer without bias whose weight is nobody's to train. */
#include "nn/linear.h"

static const struct fl_param params[] = {
	{ "out", FL_P_INT, offsetof(struct fl_linear, out), NULL, 1, 1 << 24, NULL, "n",
	  "rows; must be given" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	if (fl_layer_linear.shape(l, e))
		return -1;
	l->param[0].kind = FL_FROZEN;
	return 0;
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	return fl_layer_linear.scratch(l, a);
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_layer_linear.forward(l, a);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	fl_layer_linear.backward(l, a);
}

static double madds(const struct fl_layer *l)
{
	return fl_layer_linear.madds(l);
}

const struct fl_layer_entry fl_layer_fixed = {
	.e = {
		.name = "fixed",
		.title = "Fixed rows",
		.cite = "Radford et al., ICML 2021, arXiv 2103.00020",
		.doc = "inner products with given rows, such as class texts",
		.params = params,
		.psize = sizeof(struct fl_linear),
		.formula = "y = W x",
	},
	.shape = shape,
	.scratch = scratch,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};
