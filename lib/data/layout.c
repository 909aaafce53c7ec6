/* The order of an example's dimensions. Image libraries keep the channels of a picture
 * last, networks take them first: x (N,D...,C) becomes (N,C,D...). */
#include <string.h>

#include "base/num.h"
#include "data/source.h"

/* y(C,n) of x(n,C), N times; elements of size bytes. */
static void move_channels(const unsigned char *x, unsigned char *y, size_t N, size_t n, size_t C,
                          size_t size)
{
	for (; N--; x += n * C * size, y += n * C * size)
		for (size_t i = 0; i < n; i++)
			for (size_t c = 0; c < C; c++)
				memcpy(y + (c * n + i) * size, x + (i * C + c) * size, size);
}

int fl_data_channels_first(struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_tensor *x = fl_tset_find(rec, "x");
	struct fl_tensor *t = x ? &rec->t[x - rec->t] : NULL;
	char shape[256];
	unsigned char *y;
	size_t *dim, C;

	if (!t)
		return fl_fail(e, FL_EDATA, "tensor 'x' is missing, whose last dimension is channels");
	if (t->ndim < 3)
		return fl_fail(e, FL_EDATA, "tensor 'x' is %s: no dimension of channels behind others",
		               fl_tensor_shape_str(t, shape, sizeof shape));
	if (!(dim = fl_arena_get(&rec->arena, t->ndim, sizeof *dim, e)) ||
	    !(y = fl_arena_get(&rec->arena, t->bytes, 1, e)))
		return -1;
	C = t->dim[t->ndim - 1];
	dim[0] = t->dim[0];
	dim[1] = C;
	memcpy(dim + 2, t->dim + 1, (t->ndim - 2) * sizeof *dim);
	if (t->n)
		move_channels(t->data, y, t->dim[0], t->n / t->dim[0] / C, C, t->bytes / t->n);
	t->dim = dim;
	t->data = y;
	return 0;
}
