/* Trained numbers that no example has a say in, put behind every example's: a
 * temperature, a scale and a shift that a loss reads there. */
#include <string.h>

#include "nn/act.h"
#include "nn/lanes.h"

struct append {
	const char *tensor;
	int64_t size;
	int scalar;
	double init;
};

static const struct fl_param params[] = {
	{ "tensor", FL_P_STR, offsetof(struct append, tensor), "weight", 0, 0, NULL, "name",
	  "name of the tensor after the layer's" },
	{ "size", FL_P_INT, offsetof(struct append, size), "1", 1, 1 << 24, NULL, "n",
	  "numbers" },
	{ "scalar", FL_P_BOOL, offsetof(struct append, scalar), "off", 0, 0, NULL, NULL,
	  "one number, of no dimension in the record" },
	{ "init", FL_P_REAL, offsetof(struct append, init), "1", -1e6, 1e6, NULL, "x",
	  "what all begin as" },
	{ 0 }
};

static size_t size(const struct fl_layer *l)
{
	return (size_t)((const struct append *)l->p)->size;
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct append *p = l->p;

	if (p->scalar && p->size != 1)
		return fl_fail(e, FL_EUSAGE, "scalar and size %lld", (long long)p->size);
	if (!*p->tensor || *p->tensor == '@' || strlen(p->tensor) > 200)
		return fl_fail(e, FL_EUSAGE, "tensor: not a word of 1 to 200 bytes without '@' first");
	l->out = (struct fl_shape){ 1, { fl_shape_count(&l->in) + size(l) } };
	l->nparam = 1;
	l->param[0] = (struct fl_layer_param){
		.suffix = p->tensor, .ndim = p->scalar ? 0 : 1, .dim = { p->scalar ? 0 : size(l) },
	};
	return 0;
}

static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	(void)param;
	(void)r;
	for (size_t i = 0; i < size(l); i++)
		w[i] = (fl_real)((const struct append *)l->p)->init;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in), m = size(l);
	fl_real *y = a->y;

	for (size_t b = 0; b < a->B; b++, y += n + m) {
		memcpy(y, a->x + b * n, n * sizeof *y);
		memcpy(y + n, a->w + l->off[0], m * sizeof *y);
	}
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t n = fl_shape_count(&l->in), m = size(l);
	fl_real *dw = a->dw + l->off[0];

	if (a->flags & FL_BACK_FIRST)
		memset(dw, 0, m * sizeof *dw);
	for (size_t j = 0; j < m; j++) {
		double sum = 0;

		for (size_t b = 0; b < a->B; b++)
			sum += (double)a->dy[b * (n + m) + n + j];
		dw[j] += (fl_real)sum;
	}
	for (size_t b = 0; a->dx && b < a->B; b++)
		memcpy(a->dx + b * n, a->dy + b * (n + m), n * sizeof *a->dx);
	fl_pass_done(a, l->off[0], m);
}

const struct fl_layer_entry fl_layer_append = {
	.e = {
		.name = "append",
		.title = "Trained numbers",
		.cite = "torch.nn.Parameter",
		.doc = "trained numbers behind every example's, which a loss reads there",
		.params = params,
		.psize = sizeof(struct append),
		.formula = "y = (x, w)",
	},
	.shape = shape,
	.init = init,
	.forward = forward,
	.backward = backward,
};
