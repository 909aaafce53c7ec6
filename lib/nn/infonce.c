/* InfoNCE: each output is to find its own key, the data's target of the same example,
 * among those of the batch. With u and v the outputs and keys scaled to unit length,
 *   l_i = log sum_j exp s_ij - s_ii,  s_ij = <u_i,v_j>/tau,
 * mean over the batch. Rows at a time, sums in double in ascending order. */
#include <math.h>
#include <string.h>

#include "base/fmath.h"
#include "nn/layer.h"
#include "nn/unit.h"

struct infonce {
	double tau;
};

static const struct fl_param params[] = {
	{ "tau", FL_P_REAL, offsetof(struct infonce, tau), "0.07", 1e-4, 100, NULL, "x",
	  "temperature" },
	{ 0 }
};

static size_t targets(const void *p, size_t C)
{
	(void)p;
	return C;
}

/* u and v (B,C), a row of s(B), the inverse lengths of u (B). */
static size_t scratch(const void *p, size_t B, size_t C)
{
	(void)p;
	return 2 * B * C + 2 * B;
}

static double dot(const fl_real *x, const fl_real *y, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)y[i];
	return sum;
}

/* s(B) of u_i(C) with the keys v(B,C); the log of the sum of their exponentials. */
static double row(const fl_real *u, const fl_real *v, double tau, fl_real *s, size_t B, size_t C)
{
	double max = -INFINITY, sum = 0;

	for (size_t j = 0; j < B; j++) {
		s[j] = (fl_real)(dot(u, v + j * C, C) / tau);
		if ((double)s[j] > max)
			max = (double)s[j];
	}
	for (size_t j = 0; j < B; j++)
		sum += fl_exp((double)s[j] - max);
	return max + fl_log(sum);
}

/* du(C) = gradient of l_i by u_i times scale. */
static void row_gradient(const fl_real *v, const fl_real *s, double lse, size_t i, double scale,
                         fl_real *du, size_t B, size_t C)
{
	memset(du, 0, C * sizeof *du);
	for (size_t j = 0; j < B; j++) {
		fl_real f = (fl_real)(scale * (fl_exp((double)s[j] - lse) - (j == i ? 1 : 0)));

		for (size_t c = 0; c < C; c++)
			du[c] += f * v[j * C + c];
	}
}

static double loss(const void *block, const struct fl_batch *a)
{
	size_t B = a->B, C = a->C;
	fl_real *u = a->scratch, *v = u + B * C, *s = v + B * C, *inv = s + B;
	double tau = ((const struct infonce *)block)->tau, sum = 0;

	fl_unit_rows(a->t, v, inv, B, C);
	fl_unit_rows(a->z, u, inv, B, C);
	for (size_t i = 0; i < B; i++) {
		double lse = row(u + i * C, v, tau, s, B, C);

		sum += lse - (double)s[i];
		if (a->dz)
			row_gradient(v, s, lse, i, 1 / (tau * (double)B), a->dz + i * C, B, C);
	}
	if (a->dz)
		fl_unit_back(a->z, inv, a->dz, a->dz, B, C);
	return sum / (double)B;
}

const struct fl_loss_entry fl_loss_infonce = {
	.e = {
		.name = "infonce",
		.title = "InfoNCE",
		.cite = "van den Oord, Li and Vinyals, arXiv 1807.03748",
		.doc = "outputs find their own of the batch's keys, the data's tensor target",
		.params = params,
		.psize = sizeof(struct infonce),
		.formula = "mean of -log(exp(u_i v_i/tau) / sum_j exp(u_i v_j/tau))",
	},
	.targets = targets,
	.scratch = scratch,
	.loss = loss,
};
