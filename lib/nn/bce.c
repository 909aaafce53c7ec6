/* Binary cross-entropy of each output's sigmoid with the one-hot vector of the
 * class (one against the rest), mean over batch and outputs. In double:
 *   max(z,0) - z t + log(1 + exp(-|z|)). */
#include "base/fmath.h"
#include "nn/layer.h"

static double loss(const void *p, const struct fl_batch *a)
{
	double sum = 0, n = (double)(a->B * a->C);

	(void)p;
	for (size_t b = 0; b < a->B; b++)
		for (size_t c = 0, i = b * a->C; c < a->C; c++, i++) {
			double v = (double)a->z[i], t = (size_t)a->y[b] == c;
			double small = fl_exp(v < 0 ? v : -v);

			sum += (v > 0 ? v : 0) - v * t + fl_log1p(small);
			if (a->dz)
				a->dz[i] = (fl_real)(((v < 0 ? small : 1) / (1 + small) - t) / n);
		}
	return sum / n;
}

const struct fl_loss_entry fl_loss_bce = {
	.e = {
		.name = "bce",
		.title = "Binary cross-entropy",
		.cite = "torch.nn.BCEWithLogitsLoss",
		.doc = "sigmoid cross-entropy of one class against the rest, mean of all",
		.formula = "mean of log(1 + exp z_c) - z_c [c = y]",
	},
	.classes = 1,
	.loss = loss,
};
