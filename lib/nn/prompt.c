/* Trained vectors before every example's sequence: (T,D) -> (K + T, D), as a transformer
 * takes prompts. */
#include <math.h>
#include <string.h>

#include "nn/layer.h"

struct prompt {
	int64_t prompts;
};

static const struct fl_param params[] = {
	{ "prompts", FL_P_INT, offsetof(struct prompt, prompts), "10", 1, 1 << 16, NULL, "n",
	  "vectors" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	size_t K = (size_t)((const struct prompt *)l->p)->prompts;
	char buf[128];

	if (l->in.ndim != 2)
		return fl_fail(e, FL_EUSAGE, "input is %s, not steps x values",
		               fl_shape_str(&l->in, buf, sizeof buf));
	l->out = (struct fl_shape){ 2, { K + l->in.d[0], l->in.d[1] } };
	l->nparam = 1;
	l->param[0] = (struct fl_layer_param){ .suffix = "weight", .ndim = 2, .dim = { K, l->in.d[1] } };
	return 0;
}

/* Uniform, as Glorot and Bengio scale it for a matrix of this shape. */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	size_t K = l->param[0].dim[0], D = l->param[0].dim[1];
	double bound = sqrt(6 / (double)(K + D));

	(void)param;
	for (size_t i = 0; i < K * D; i++)
		w[i] = (fl_real)(bound * (2 * fl_rng_real(r) - 1));
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in), m = fl_shape_count(&l->out) - n;
	fl_real *y = a->y;

	for (size_t b = 0; b < a->B; b++, y += m + n) {
		memcpy(y, a->w + l->off[0], m * sizeof *y);
		memcpy(y + m, a->x + b * n, n * sizeof *y);
	}
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in), m = fl_shape_count(&l->out) - n;
	fl_real *dw = a->dw + l->off[0];
	const fl_real *dy = a->dy;

	if (a->flags & FL_BACK_FIRST)
		memset(dw, 0, m * sizeof *dw);
	for (size_t b = 0; b < a->B; b++, dy += m + n) {
		for (size_t i = 0; i < m; i++)
			dw[i] += dy[i];
		if (a->dx)
			memcpy(a->dx + b * n, dy + m, n * sizeof *dy);
	}
	fl_pass_done(a, l->off[0], m);
}

const struct fl_layer_entry fl_layer_prompt = {
	.e = {
		.name = "prompt",
		.title = "Prompts",
		.cite = "Jia et al., ECCV 2022, arXiv 2203.12119 (VPT, shallow)",
		.doc = "trained vectors before a sequence",
		.params = params,
		.psize = sizeof(struct prompt),
		.formula = "y = (w_1, ..., w_K, x_1, ..., x_T)",
	},
	.shape = shape,
	.init = init,
	.forward = forward,
	.backward = backward,
};
