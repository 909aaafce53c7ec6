/* Some columns of the input: a part of an example that is several things in a row,
 * a text's embedding and an image's. */
#include <string.h>

#include "nn/layer.h"

struct slice {
	int64_t begin, size;
};

static const struct fl_param params[] = {
	{ "begin", FL_P_INT, offsetof(struct slice, begin), "0", 0, 1 << 24, NULL, "n",
	  "the first column" },
	{ "size", FL_P_INT, offsetof(struct slice, size), NULL, 1, 1 << 24, NULL, "n",
	  "columns; must be given" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct slice *p = l->p;
	size_t n = fl_shape_count(&l->in);

	if (p->size == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "key 'size' is missing");
	if ((size_t)(p->begin + p->size) > n)
		return fl_fail(e, FL_EUSAGE, "columns %lld to %lld of %zu", (long long)p->begin,
		               (long long)(p->begin + p->size - 1), n);
	l->out = (struct fl_shape){ 1, { (size_t)p->size } };
	return 0;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	const struct slice *p = l->p;
	size_t n = fl_shape_count(&l->in), m = (size_t)p->size;

	for (size_t b = 0; b < a->B; b++)
		memcpy(a->y + b * m, a->x + b * n + p->begin, m * sizeof *a->y);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	const struct slice *p = l->p;
	size_t n = fl_shape_count(&l->in), m = (size_t)p->size;

	if (!a->dx)
		return;
	memset(a->dx, 0, a->B * n * sizeof *a->dx);
	for (size_t b = 0; b < a->B; b++)
		memcpy(a->dx + b * n + p->begin, a->dy + b * m, m * sizeof *a->dy);
}

const struct fl_layer_entry fl_layer_slice = {
	.e = {
		.name = "slice",
		.title = "Slice",
		.cite = "torch.narrow",
		.doc = "some columns of an example",
		.params = params,
		.psize = sizeof(struct slice),
		.formula = "y_j = x_(begin + j)",
	},
	.shape = shape,
	.forward = forward,
	.backward = backward,
};
