/* Knowledge distillation: the teacher's logits t, of temperature T as the student's,
 *   l = alpha T^2 KL(softmax(t/T) || softmax(z/T)) + (1 - alpha) CE(z, y),
 *   dl/dz = alpha T (softmax(z/T) - softmax(t/T)) + (1 - alpha) (softmax(z) - [c = y]),
 * mean over the batch. Sums in double in ascending c. */
#include "kernel/soften.h"
#include "nn/layer.h"

struct kd {
	double T, alpha;
};

static const struct fl_param params[] = {
	{ "T", FL_P_REAL, offsetof(struct kd, T), "4", 1e-3, 1e6, NULL, "x",
	  "temperature of both sides' logits" },
	{ "alpha", FL_P_REAL, offsetof(struct kd, alpha), "0.5", 0, 1, NULL, "x",
	  "weight of the teacher; the classes have the rest" },
	{ 0 }
};

static size_t targets(const void *p, size_t C)
{
	(void)p;
	return C;
}

/* The softmax of either side, in double. */
static size_t scratch(const void *p, size_t B, size_t C)
{
	(void)p;
	return B ? 2 * C * (sizeof(double) / sizeof(fl_real)) : 0;
}

/* p(C) = softmax(z/T); returns the log of the sum. */
static double soften(const fl_real *z, double T, double *p, size_t C)
{
	for (size_t c = 0; c < C; c++)
		p[c] = (double)z[c];
	return fl_soften(p, C, T, p);
}

/* T^2 KL of a row; its gradient times by is written to dz. */
static double distil(const fl_real *z, const fl_real *t, double T, double by, fl_real *dz,
                     double *q, size_t C)
{
	double *p = q + C, lse_t = soften(t, T, q, C), lse_z = soften(z, T, p, C), sum = 0;

	for (size_t c = 0; c < C; c++) {
		double of_t = (double)t[c] / T - lse_t, of_z = (double)z[c] / T - lse_z;

		sum += q[c] * (of_t - of_z);
		if (dz)
			dz[c] = (fl_real)(by * T * (p[c] - q[c]));
	}
	return T * T * sum;
}

/* Cross-entropy of a row; its gradient times by is added to dz. */
static double classify(const fl_real *z, int32_t y, double by, fl_real *dz, double *p, size_t C)
{
	double lse = soften(z, 1, p, C);

	for (size_t c = 0; c < C && dz; c++)
		dz[c] += (fl_real)(by * (p[c] - (c == (size_t)y ? 1 : 0)));
	return lse - (double)z[y];
}

static double loss(const void *block, const struct fl_batch *a)
{
	const struct kd *k = block;
	double sum = 0, n = (double)a->B, hard = 1 - k->alpha;
	double *room = (double *)(void *)a->scratch;	/* of a block that is aligned for any number */

	for (size_t b = 0; b < a->B; b++) {
		const fl_real *z = a->z + b * a->C;
		fl_real *dz = a->dz ? a->dz + b * a->C : NULL;

		sum += k->alpha * distil(z, a->t + b * a->C, k->T, k->alpha / n, dz, room, a->C);
		sum += hard * classify(z, a->y[b], hard / n, dz, room, a->C);
	}
	return sum / n;
}

const struct fl_loss_entry fl_loss_kd = {
	.e = {
		.name = "kd",
		.title = "Knowledge distillation",
		.cite = "Hinton, Vinyals and Dean, arXiv 1503.02531",
		.doc = "the teacher's logits, the data's tensor target, beside the classes",
		.params = params,
		.psize = sizeof(struct kd),
		.formula = "alpha T^2 KL(softmax(t/T) || softmax(z/T)) + (1 - alpha) CE(z, y)",
	},
	.classes = 1,
	.targets = targets,
	.scratch = scratch,
	.loss = loss,
};
