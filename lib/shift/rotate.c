/* Images turned by quarters. */
#include <stdlib.h>
#include <string.h>

#include "shift/shift.h"

struct params {
	int64_t turns;
};

/* out(s,s) = in turned counter-clockwise once, as numpy.rot90. */
static void turn(const unsigned char *in, unsigned char *out, size_t s, size_t size)
{
	for (size_t i = 0; i < s; i++)
		for (size_t j = 0; j < s; j++)
			memcpy(out + (i * s + j) * size, in + (j * s + s - 1 - i) * size, size);
}

static int apply(const void *vp, const struct fl_shift_in *in, struct fl_tset *rec,
                 struct fl_err *e)
{
	const struct params *p = vp;
	const struct fl_tensor *x = fl_tset_find(rec, "x");
	size_t s = x->ndim > 2 ? x->dim[x->ndim - 1] : 0, size = fl_dtype_size(x->dtype);
	size_t plane = s * s * size, turns = in->k % (size_t)p->turns;
	unsigned char *to;
	char shape[256];

	if (!s || x->dim[x->ndim - 2] != s)
		return fl_fail(e, FL_EDATA, "rotate: 'x' is %s, want square images",
		               fl_tensor_shape_str(x, shape, sizeof shape));
	if (!(to = fl_alloc(plane, 1, e)))
		return -1;
	for (size_t i = 0; i < x->bytes && turns; i += plane)
		for (size_t t = 0; t < turns; t++) {
			turn((unsigned char *)x->data + i, to, s, size);
			memcpy((unsigned char *)x->data + i, to, plane);
		}
	free(to);
	return 0;
}

static const struct fl_param params[] = {
	{ "turns", FL_P_INT, offsetof(struct params, turns), "4", 1, 4, NULL, "n",
	  "how many different orientations" },
	{ .name = NULL }
};

const struct fl_shift fl_shift_rotate = {
	.e = {
		.name = "rotate",
		.title = "Quarter turns",
		.cite = "Ghosh et al., IFCA, NeurIPS 2020, arXiv 2006.04088",
		.doc = "images turned by 90 degrees times the client's number",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "counter-clockwise by 90 (k mod turns) degrees",
	},
	.apply = apply,
};
