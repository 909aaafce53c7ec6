/* Supervised contrastive loss: the outputs are embeddings, scaled to unit length
 * as u; for each example i with others of its class (its positives P),
 *   l_i = -1/|P| sum_p (s_ip - log sum_{a != i} exp s_ia),  s_ij = <u_i,u_j>/tau,
 * mean over these examples; 0 where there are none. With pair numbers as classes
 * it is NT-Xent. Rows at a time: memory O(B), sums in double in ascending order. */
#include <math.h>
#include <string.h>

#include "base/fmath.h"
#include "nn/layer.h"

struct supcon {
	double tau;
};

static const struct fl_param params[] = {
	{ "tau", FL_P_REAL, offsetof(struct supcon, tau), "0.1", 1e-4, 100, NULL, "x",
	  "temperature" },
	{ 0 }
};

static double dot(const fl_real *x, const fl_real *y, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)y[i];
	return sum;
}

/* 1/length; 0 for the zero vector, which stays zero. */
static double inverse_length(const fl_real *z, size_t C)
{
	double n = dot(z, z, C);

	return n > 0 ? 1 / sqrt(n) : 0;
}

static size_t positives(const int32_t *y, size_t i, size_t B)
{
	size_t n = 0;

	for (size_t j = 0; j < B; j++)
		n += j != i && y[j] == y[i];
	return n;
}

/* s(B) of row i, and their log-sum without i. */
static double row(const fl_real *u, size_t i, double tau, fl_real *s, size_t B, size_t C)
{
	double max = -INFINITY, sum = 0;

	for (size_t j = 0; j < B; j++) {
		s[j] = (fl_real)(dot(u + i * C, u + j * C, C) / tau);
		if (j != i && (double)s[j] > max)
			max = (double)s[j];
	}
	for (size_t j = 0; j < B; j++)
		if (j != i)
			sum += fl_exp((double)s[j] - max);
	return max + fl_log(sum);
}

/* du += gradient of l_i times scale; du(B,C) with respect to u. */
static void row_gradient(const fl_real *u, const int32_t *y, size_t i, const fl_real *s,
                         double lse, double count, double scale, fl_real *du, size_t B, size_t C)
{
	for (size_t j = 0; j < B; j++) {
		double g = j == i ? 0 : fl_exp((double)s[j] - lse) - (y[j] == y[i] ? 1 / count : 0);
		fl_real f = (fl_real)(g * scale);

		for (size_t c = 0; c < C; c++) {
			du[i * C + c] += f * u[j * C + c];
			du[j * C + c] += f * u[i * C + c];
		}
	}
}

/* du -> dz through the scaling: (du - u <u,du>) / |z|. */
static void through_scaling(const fl_real *z, const fl_real *u, fl_real *du, size_t B, size_t C)
{
	for (size_t b = 0; b < B; b++, z += C, u += C, du += C) {
		fl_real along = (fl_real)dot(u, du, C), inv = (fl_real)inverse_length(z, C);

		for (size_t c = 0; c < C; c++)
			du[c] = (du[c] - u[c] * along) * inv;
	}
}

static double loss(const void *block, const struct fl_batch *a)
{
	size_t B = a->B, C = a->C;
	const fl_real *z = a->z;
	const int32_t *y = a->y;
	fl_real *dz = a->dz, *scratch = a->scratch;
	double tau = ((const struct supcon *)block)->tau, sum = 0;
	fl_real *u = scratch, *s = scratch + B * C;
	size_t anchors = 0;

	for (size_t b = 0; b < B; b++) {
		fl_real inv = (fl_real)inverse_length(z + b * C, C);

		for (size_t c = 0; c < C; c++)
			u[b * C + c] = z[b * C + c] * inv;
		anchors += positives(y, b, B) > 0;
	}
	if (dz)
		memset(dz, 0, B * C * sizeof *dz);
	for (size_t i = 0; i < B; i++) {
		double count = (double)positives(y, i, B), lse, own = 0;

		if (count == 0)
			continue;
		lse = row(u, i, tau, s, B, C);
		for (size_t j = 0; j < B; j++)
			own += j != i && y[j] == y[i] ? lse - (double)s[j] : 0;
		sum += own / count;
		if (dz)
			row_gradient(u, y, i, s, lse, count, 1 / (tau * (double)anchors), dz, B, C);
	}
	if (dz)
		through_scaling(z, u, dz, B, C);
	return anchors ? sum / (double)anchors : 0;
}

const struct fl_loss_entry fl_loss_supcon = {
	.e = {
		.name = "supcon",
		.title = "Supervised contrastive loss",
		.cite = "Khosla et al., NeurIPS 2020, arXiv 2004.11362",
		.doc = "outputs of one class drawn together, as unit vectors",
		.params = params,
		.psize = sizeof(struct supcon),
		.formula = "mean of -1/|P| sum_p log(exp(u u_p/tau) / sum_a exp(u u_a/tau))",
	},
	.loss = loss,
};
