/* Softmax cross-entropy with class indices, mean over the batch:
 *   loss = 1/B sum_b (log sum_c exp z_bc - z_by),  dz_bc = (p_bc - [c = y_b]) / B.
 * The mean is summed in double in ascending b. */
#include "kernel/vmath.h"
#include "nn/layer.h"

enum { ROWS = 64 };	/* a tile's log-sums live on the stack */

#ifdef FL_REAL_DOUBLE
#include "base/fmath.h"

static void softmax_rows(const double *z, double *p, double *lse, size_t B, size_t C)
{
	for (size_t b = 0; b < B; b++, z += C, p += C) {
		double max = z[0], sum = 0;

		for (size_t c = 1; c < C; c++)
			max = z[c] > max ? z[c] : max;
		for (size_t c = 0; c < C; c++)
			sum += p[c] = fl_exp(z[c] - max);
		for (size_t c = 0; c < C; c++)
			p[c] /= sum;
		lse[b] = max + fl_log(sum);
	}
}
#else
#define softmax_rows fl_softmax_rows
#endif

/* Softmax rows p(B,C) -> gradient of the mean over N examples. */
static void gradient_rows(fl_real *p, const int32_t *y, size_t B, size_t C, size_t N)
{
	fl_real scale = 1 / (fl_real)N;

	for (size_t b = 0; b < B; b++, p += C) {
		p[y[b]] -= 1;
		for (size_t c = 0; c < C; c++)
			p[c] *= scale;
	}
}

static double loss(const void *p, const fl_real *z, const int32_t *y, fl_real *dz,
                   fl_real *scratch, size_t B, size_t C)
{
	fl_real lse[ROWS];
	double sum = 0;

	(void)p;
	for (size_t b = 0; b < B; b += ROWS) {
		size_t n = B - b < ROWS ? B - b : ROWS;
		fl_real *prob = dz ? dz + b * C : scratch;

		softmax_rows(z + b * C, prob, lse, n, C);
		for (size_t i = 0; i < n; i++)
			sum += (double)lse[i] - (double)z[(b + i) * C + (size_t)y[b + i]];
		if (dz)
			gradient_rows(prob, y + b, n, C, B);
	}
	return sum / (double)B;
}

const struct fl_loss_entry fl_loss_ce = {
	.e = {
		.name = "ce",
		.title = "Cross-entropy",
		.cite = "torch.nn.CrossEntropyLoss",
		.doc = "softmax cross-entropy, mean over the batch",
		.formula = "mean of log sum exp(z) - z_y",
	},
	.loss = loss,
};
