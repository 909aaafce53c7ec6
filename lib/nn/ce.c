/* Softmax cross-entropy with class indices, mean over the batch, with PyTorch's
 * meaning of class weights w and label smoothing s:
 *   t_bc = (1-s) w_y [c = y_b] + s w_c / C,  W = sum_b w_y,
 *   loss = 1/W sum_bc t_bc (log sum_k exp z_bk - z_bc),
 *   dz_bc = (p_bc sum_k t_bk - t_bc) / W.
 * Sums run in double in ascending b, then c. */
#include <string.h>

#include "base/num.h"
#include "nn/act.h"

enum { ROWS = 64 };	/* a tile's log-sums live on the stack */

struct ce {
	double smoothing;
	const char *weights;
};

static const struct fl_param params[] = {
	{ "smoothing", FL_P_REAL, offsetof(struct ce, smoothing), NULL, 0, 1, NULL, "x",
	  "label smoothing: share of the target spread over the classes" },
	{ "weights", FL_P_STR, offsetof(struct ce, weights), NULL, 0, 0, NULL, "x+x",
	  "a weight above 0 for each class; unset: 1" },
	{ 0 }
};

/* The weight at *s, which moves past it and its '+'. 0: not a number above 0. */
static double next_weight(const char **s)
{
	char text[FL_NUM_MAX];
	size_t n = strcspn(*s, "+");
	double v = 0;

	if (n < sizeof text) {
		memcpy(text, *s, n);
		text[n] = '\0';
		if (fl_num_real(text, &v) || v < 0)
			v = 0;
	}
	*s += n + ((*s)[n] == '+');
	return v;
}

static int check(const void *block, size_t C, struct fl_err *e)
{
	const struct ce *p = block;
	const char *s = p->weights;
	size_t n = 0;

	for (; s && *s; n++)
		if (!(next_weight(&s) > 0))
			return fl_fail(e, FL_EUSAGE, "weights: number %zu is not above 0", n + 1);
	if (s && n != C)
		return fl_fail(e, FL_EUSAGE, "weights: %zu for %zu classes", n, C);
	return 0;
}

/* w(C) of the classes; the sum of the examples' own. */
static double class_weights(const struct ce *p, const int32_t *y, fl_real *w, size_t B, size_t C)
{
	const char *s = p->weights;
	double sum = 0;

	for (size_t c = 0; c < C; c++)
		w[c] = s ? (fl_real)next_weight(&s) : 1;
	for (size_t b = 0; b < B; b++)
		sum += (double)w[y[b]];
	return sum;
}

/* What one example adds to the loss, before the division by W. */
static double row_loss(const fl_real *z, fl_real lse, int32_t y, const fl_real *w, double s,
                       size_t C)
{
	double own = (double)w[y] * ((double)lse - (double)z[y]), all = 0;

	if (s == 0)
		return own;
	for (size_t c = 0; c < C; c++)
		all += (double)w[c] * ((double)lse - (double)z[c]);
	return (1 - s) * own + s / (double)C * all;
}

/* Softmax p(C) -> gradient, with total the sum of t(C). */
static void row_gradient(fl_real *p, int32_t y, const fl_real *w, double s, fl_real total,
                         fl_real scale, size_t C)
{
	if (s == 0) {
		for (size_t c = 0; c < C; c++)
			p[c] *= w[y];
		p[y] -= w[y];
	} else {
		for (size_t c = 0; c < C; c++)
			p[c] = p[c] * total - (fl_real)(s / (double)C) * w[c];
		p[y] -= (fl_real)(1 - s) * w[y];
	}
	for (size_t c = 0; c < C; c++)
		p[c] *= scale;
}

static double loss(const void *block, const struct fl_batch *a)
{
	size_t B = a->B, C = a->C;
	const fl_real *z = a->z;
	const int32_t *y = a->y;
	fl_real *dz = a->dz, *scratch = a->scratch;
	const struct ce *p = block;
	fl_real lse[ROWS], *w = scratch + B * C;
	double s = p->smoothing > 0 ? p->smoothing : 0, sum = 0, all = 0;
	double W = class_weights(p, y, w, B, C);

	for (size_t c = 0; c < C; c++)
		all += (double)w[c];
	for (size_t b = 0; b < B; b++) {
		size_t i = b % ROWS;
		fl_real *prob = dz ? dz + b * C : scratch + i * C;

		if (i == 0)
			fl_act_softmax(z + b * C, prob, lse, B - b < ROWS ? B - b : ROWS, C);
		sum += row_loss(z + b * C, lse[i], y[b], w, s, C);
		if (dz)
			row_gradient(prob, y[b], w, s,
			             (fl_real)((1 - s) * (double)w[y[b]] + s / (double)C * all),
			             (fl_real)(1 / W), C);
	}
	return sum / W;
}

const struct fl_loss_entry fl_loss_ce = {
	.e = {
		.name = "ce",
		.title = "Cross-entropy",
		.cite = "torch.nn.CrossEntropyLoss; smoothing: Szegedy et al., CVPR 2016",
		.doc = "softmax cross-entropy, mean over the batch",
		.params = params,
		.psize = sizeof(struct ce),
		.formula = "mean of log sum exp(z) - z_y",
	},
	.classes = 1,
	.check = check,
	.loss = loss,
};
