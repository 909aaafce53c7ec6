/* A list of augmentations over the examples of a data set. */
#include "augment/augment.h"

const struct fl_family fl_family_augment = {
	.name = "augment", .list = fl_augment_list, .doc = "random changes of training images",
};

/* What 0 becomes, by channel. */
static float *black(const struct fl_data *d, size_t C, struct fl_arena *arena, struct fl_err *e)
{
	float *v = fl_arena_get(arena, C, sizeof *v, e);

	for (size_t c = 0; v && c < C; c++) {
		size_t k = d->channels > 1 ? c : 0;

		v[c] = (0 / (float)d->div - d->mean[k]) / d->std[k];
	}
	return v;
}

int fl_augmenter_init(struct fl_augmenter *a, const struct fl_spec *list, size_t n,
                      const struct fl_data *d, struct fl_arena *arena, struct fl_err *e)
{
	const struct fl_tensor *x = d->x;
	unsigned from = x && x->ndim == 4 ? 2 : 1;
	char shape[256];

	*a = (struct fl_augmenter){ .list = list, .n = n };
	if (!x || x->ndim < 3 || x->ndim > 4)
		return fl_fail(e, FL_EDATA, "%s: examples are no images to augment%s%s", d->name,
		               x ? ": 'x' is " : "", x ? fl_tensor_shape_str(x, shape, sizeof shape) : "");
	a->image = (struct fl_image){
		.C = x->ndim == 4 ? x->dim[1] : 1, .H = x->dim[from], .W = x->dim[from + 1],
	};
	a->image.black = black(d, a->image.C, arena, e);
	a->room = fl_arena_get(arena, d->d, sizeof *a->room, e);
	return a->image.black && a->room ? 0 : -1;
}

void fl_augmenter_apply(const struct fl_augmenter *a, struct fl_rng *r, float *x)
{
	for (size_t i = 0; i < a->n; i++)
		((const struct fl_augment *)a->list[i].entry)->apply(a->list[i].p, &a->image, r, x,
		                                                     a->room);
}
