/* Squared error between outputs and the one-hot vector of the class, mean over
 * batch and outputs. */
#include "nn/layer.h"

static double loss(const void *p, const fl_real *z, const int32_t *y, fl_real *dz,
                   fl_real *scratch, size_t B, size_t C)
{
	fl_real scale = 2 / (fl_real)(B * C);
	double sum = 0;

	(void)p;
	(void)scratch;
	for (size_t b = 0; b < B; b++, z += C)
		for (size_t c = 0; c < C; c++) {
			fl_real d = z[c] - ((size_t)y[b] == c ? 1 : 0);

			sum += (double)d * (double)d;
			if (dz)
				dz[b * C + c] = scale * d;
		}
	return sum / (double)(B * C);
}

const struct fl_loss_entry fl_loss_mse = {
	.e = {
		.name = "mse",
		.title = "Squared error",
		.cite = "torch.nn.MSELoss; as a loss of classifiers: Hui and Belkin, ICLR 2021",
		.doc = "squared distance to the one-hot class, mean over batch and outputs",
		.formula = "mean of (z_c - [c = y])^2",
	},
	.loss = loss,
};
