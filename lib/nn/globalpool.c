/* Mean of each plane: (C,H,W) -> (C,1,1), as torch.nn.AdaptiveAvgPool2d(1).
 * Summed in double in ascending order. */
#include "nn/layer.h"

static int shape(struct fl_layer *l, struct fl_err *e)
{
	char buf[128];

	if (l->in.ndim != 3)
		return fl_fail(e, FL_EUSAGE, "input is %s, not channels x rows x columns",
		               fl_shape_str(&l->in, buf, sizeof buf));
	l->out = (struct fl_shape){ 3, { l->in.d[0], 1, 1 } };
	return 0;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t P = l->in.d[1] * l->in.d[2];
	const fl_real *x = a->x;

	for (size_t i = 0; i < a->B * l->in.d[0]; i++, x += P) {
		double sum = 0;

		for (size_t p = 0; p < P; p++)
			sum += (double)x[p];
		a->y[i] = (fl_real)(sum / (double)P);
	}
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t P = l->in.d[1] * l->in.d[2];
	fl_real *dx = a->dx;

	for (size_t i = 0; dx && i < a->B * l->in.d[0]; i++, dx += P)
		for (size_t p = 0; p < P; p++)
			dx[p] = a->dy[i] / (fl_real)P;
}

const struct fl_layer_entry fl_layer_globalpool = {
	.e = {
		.name = "globalpool",
		.title = "Global average pooling",
		.cite = "Lin, Chen and Yan, ICLR 2014, arXiv 1312.4400",
		.doc = "mean of each plane, as adaptive average pooling to 1x1",
		.formula = "y_c = mean over H,W of x_c",
	},
	.units = FL_UNITS_KEPT,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
