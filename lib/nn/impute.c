/* What stands for a part that an example lacks: a vector that is learnt, or 0. It may
 * follow the part itself or what encodes it, where it is a token of what is missing. */
#include <stdint.h>
#include <string.h>

#include "nn/parts.h"

struct impute {
	int learnt;
};

static const struct fl_param params[] = {
	{ "learnt", FL_P_BOOL, offsetof(struct impute, learnt), "on", 0, 0, NULL, NULL,
	  "a trained vector, which begins as 0; off: 0" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct impute *p = l->p;

	if (l->part == SIZE_MAX)
		return fl_fail(e, FL_EUSAGE, "what it reads does not come from one part alone");
	l->out = l->in;
	if (!p->learnt)
		return 0;
	l->nparam = 1;
	l->param[0] = (struct fl_layer_param){ .suffix = "value", .ndim = l->in.ndim };
	memcpy(l->param[0].dim, l->in.d, sizeof l->in.d);
	return 0;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in);
	fl_real *y = a->y;

	for (size_t b = 0; b < a->B; b++, y += n) {
		if (fl_part_there(l, a, l->part, b))
			memcpy(y, a->x + b * n, n * sizeof *y);
		else if (l->nparam)
			memcpy(y, a->w + l->off[0], n * sizeof *y);
		else
			memset(y, 0, n * sizeof *y);
	}
}

static void add_gradient(const struct fl_layer *l, const struct fl_pass *a, size_t n)
{
	fl_real *dw = a->dw + l->off[0];

	if (a->flags & FL_BACK_FIRST)
		memset(dw, 0, n * sizeof *dw);
	for (size_t j = 0; j < n; j++) {
		double sum = 0;

		for (size_t b = 0; b < a->B; b++)
			sum += fl_part_there(l, a, l->part, b) ? 0 : (double)a->dy[b * n + j];
		dw[j] += (fl_real)sum;
	}
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in);

	if (l->nparam)
		add_gradient(l, a, n);
	for (size_t b = 0; a->dx && b < a->B; b++)
		if (fl_part_there(l, a, l->part, b))
			memcpy(a->dx + b * n, a->dy + b * n, n * sizeof *a->dx);
		else
			memset(a->dx + b * n, 0, n * sizeof *a->dx);
	if (l->nparam)
		fl_pass_done(a, l->off[0], n);
}

const struct fl_layer_entry fl_layer_impute = {
	.e = {
		.name = "impute",
		.title = "Stand-in of a missing part",
		.cite = "missing-modality token, Lee et al., CVPR 2023, arXiv 2303.03369",
		.doc = "a trained vector, or 0, in place of what an example lacks",
		.params = params,
		.psize = sizeof(struct impute),
		.formula = "y = x where the example has the part, else v",
	},
	.presence = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
