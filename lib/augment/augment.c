/* A list of augmentations over the examples of a data set. */
#include "augment/augment.h"

#include "base/num.h"

const struct fl_family fl_family_augment = {
	.name = "augment", .list = fl_augment_list, .doc = "random changes of training examples",
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

static const struct fl_augment *entry_of(const struct fl_augmenter *a, size_t i)
{
	return (const struct fl_augment *)a->list[i].entry;
}

/* What the list wants of the examples; *images: that they are such. */
static int check_list(struct fl_augmenter *a, const struct fl_data *d, int *images, struct fl_err *e)
{
	*images = 0;
	for (size_t i = 0; i < a->n; i++) {
		const struct fl_augment *g = entry_of(a, i);

		if (g->mix && i + 1 < a->n)
			return fl_fail(e, FL_EUSAGE, "%s mixes whole batches, so it comes last in a list of "
			               "augmentations", g->e.name);
		if (g->mix && d->M && (fl_tset_find(&d->rec, "pairs") || (!d->labels && !d->target)))
			return fl_fail(e, FL_EDATA, "%s: %s mixes classes or targets; pairs have none", d->name,
			               g->e.name);
		*images = *images || g->image;
		a->mixes = g->mix != NULL;
	}
	return 0;
}

static int take_image(struct fl_augmenter *a, const struct fl_data *d, struct fl_arena *arena,
                      struct fl_err *e)
{
	const struct fl_tensor *x = d->x;
	unsigned from = x && x->ndim == 4 ? 2 : 1;
	char shape[256];

	if (!x || x->ndim < 3 || x->ndim > 4)
		return fl_fail(e, FL_EDATA, "%s: examples are no images to augment%s%s", d->name,
		               x ? ": 'x' is " : "", x ? fl_tensor_shape_str(x, shape, sizeof shape) : "");
	a->image = (struct fl_image){
		.C = x->ndim == 4 ? x->dim[1] : 1, .H = x->dim[from], .W = x->dim[from + 1],
	};
	a->image.black = black(d, a->image.C, arena, e);
	return a->image.black ? 0 : -1;
}

int fl_augmenter_init(struct fl_augmenter *a, const struct fl_spec *list, size_t n,
                      const struct fl_data *d, size_t B, struct fl_arena *arena, struct fl_err *e)
{
	size_t most = d->target && d->target->dim[1] > d->d ? d->target->dim[1] : d->d;
	int images;

	*a = (struct fl_augmenter){ .list = list, .n = n, .image = { .C = 1, .H = 1, .W = d->d } };
	if (check_list(a, d, &images, e) || (images && take_image(a, d, arena, e)))
		return -1;
	B = B < d->N ? B : d->N;
	if (fl_mul(a->mixes ? B : 1, most, &most))
		return fl_fail_mem(e, SIZE_MAX);
	a->room = fl_arena_get(arena, most, sizeof *a->room, e);
	a->order = fl_arena_get(arena, B, sizeof *a->order, e);
	return a->room && a->order ? 0 : -1;
}

void fl_augmenter_apply(const struct fl_augmenter *a, struct fl_rng *r, float *x)
{
	for (size_t i = 0; i + (size_t)a->mixes < a->n; i++)
		entry_of(a, i)->apply(a->list[i].p, &a->image, r, x, a->room);
}

void fl_augmenter_mix(const struct fl_augmenter *a, struct fl_rng *r, struct fl_mixed *m)
{
	m->room = a->room;
	m->order = a->order;
	entry_of(a, a->n - 1)->mix(a->list[a->n - 1].p, r, m);
}
