/* Squared error between outputs and the one-hot vector of the class, mean over
 * batch and outputs. */
#include "nn/layer.h"

static double loss(const void *p, const struct fl_batch *a)
{
	size_t n = a->B * a->C;
	fl_real scale = 2 / (fl_real)n;
	double sum = 0;

	(void)p;
	for (size_t b = 0; b < a->B; b++)
		for (size_t c = 0, i = b * a->C; c < a->C; c++, i++) {
			fl_real d = a->z[i] - ((size_t)a->y[b] == c ? 1 : 0);

			sum += (double)d * (double)d;
			if (a->dz)
				a->dz[i] = scale * d;
		}
	return sum / (double)n;
}

const struct fl_loss_entry fl_loss_mse = {
	.e = {
		.name = "mse",
		.title = "Squared error",
		.cite = "torch.nn.MSELoss; as a loss of classifiers: Hui and Belkin, ICLR 2021",
		.doc = "squared distance to the one-hot class, mean over batch and outputs",
		.formula = "mean of (z_c - [c = y])^2",
	},
	.classes = 1,
	.loss = loss,
};
